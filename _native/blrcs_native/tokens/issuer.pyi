"""Of which issuer a token says that it is, before anybody has verified it."""

def named_issuer(token: str) -> str | None:
    """The `iss` of a token in compact form; None where none can be read.

    Nothing of it is to be believed. The token must have passed the bound on its size.
    """
