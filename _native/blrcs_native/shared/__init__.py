"""Memory that the processes of a server share, their places in it, and its locks."""
