"""Use cases of EncryptionService: the keys of tenants."""
