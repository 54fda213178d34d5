"""The process that starts the workers of a server, watches them and ends them."""
