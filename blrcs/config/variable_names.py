"""Names of environment variables that are no settings.

By themselves, since commands that read no configuration need them too.
"""

DIRECTORY_VARIABLE = "BLRCS_CONFIG_DIR"
FILE_VARIABLE = "BLRCS_CONFIG"
TOKEN_VARIABLE = "BLRCS_TOKEN"  # noqa: S105 - its name
"""For commands that call a server; no setting of one."""
PIN_VARIABLE = "BLRCS_PKCS11_PIN"
"""Of the token that keeps the master key."""
NO_SETTINGS = frozenset({DIRECTORY_VARIABLE, FILE_VARIABLE, TOKEN_VARIABLE, PIN_VARIABLE})
