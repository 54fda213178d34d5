"""Identity and secrets: passwords, keys, tokens, and what protects them."""
