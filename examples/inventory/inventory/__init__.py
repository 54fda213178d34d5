"""What is in stock: a service with tables of its own in the server's database."""
