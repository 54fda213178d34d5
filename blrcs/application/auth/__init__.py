"""Use cases of AuthService: proofs of identity, tokens and sessions."""
