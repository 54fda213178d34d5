"""Names of environment variables that are no settings.

By themselves, since commands that read no configuration need them too.
"""

DIRECTORY_VARIABLE = "BLRCS_CONFIG_DIR"
FILE_VARIABLE = "BLRCS_CONFIG"
TOKEN_VARIABLE = "BLRCS_TOKEN"  # noqa: S105 - its name
"""For commands that call a server; no setting of one."""
