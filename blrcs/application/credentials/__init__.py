"""Use cases about what users prove their identity with beside a password."""
