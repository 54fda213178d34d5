"""Use cases of AccessService that answer questions about access, and what they share."""
