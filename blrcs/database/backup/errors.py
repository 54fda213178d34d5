"""What can be wrong with a backup."""


class BackupError(Exception):
    """A backup cannot be written, read or taken in. Its text is one line for a terminal."""
