"""The roles that are part of the program."""

from blrcs.domain.role import Role

ADMINISTRATOR = "roles/administrator"
SERVICE = "roles/service"
VIEWER = "roles/viewer"
AUDITOR = "roles/auditor"
RECORD_EDITOR = "roles/records.editor"
RECORD_VIEWER = "roles/records.viewer"

_READ = ("get", "list")
_READABLE = (
    "users",
    "serviceAccounts",
    "apiKeys",
    "roles",
    "bindings",
    "groups",
    "limitRules",
    "collections",
)

BUILTIN_ROLES = {
    role.name: role
    for role in (
        Role(
            name=ADMINISTRATOR,
            display_name="Administrator: everything",
            permissions=("*",),
            builtin=True,
        ),
        Role(
            name=SERVICE,
            display_name="Service: what a backend asks of others' callers",
            permissions=(
                "blrcs.tokens.introspect",
                "blrcs.access.check",
                "blrcs.limits.consume",
                "blrcs.limits.refund",
                "blrcs.limits.peek",
                "blrcs.caches.get",
                "blrcs.caches.set",
                "blrcs.caches.delete",
                "blrcs.caches.stats",
                "blrcs.caches.watch",
            ),
            builtin=True,
        ),
        Role(
            name=VIEWER,
            display_name="Viewer: settings, but no values and no secrets",
            permissions=(
                *(f"blrcs.{resource}.{verb}" for resource in _READABLE for verb in _READ),
                "blrcs.sessions.list",
                "blrcs.access.check",
                "blrcs.access.explain",
                "blrcs.access.whoCan",
                "blrcs.limits.peek",
                "blrcs.caches.stats",
            ),
            builtin=True,
        ),
        Role(
            name=AUDITOR,
            display_name="Auditor: reads and verifies the audit log",
            permissions=("blrcs.audit.read", "blrcs.audit.verify"),
            builtin=True,
        ),
        Role(
            name=RECORD_VIEWER,
            display_name="Record viewer: reads and watches records",
            permissions=(
                "blrcs.collections.get",
                "blrcs.collections.list",
                "blrcs.records.get",
                "blrcs.records.list",
                "blrcs.records.watch",
            ),
            builtin=True,
        ),
        Role(
            name=RECORD_EDITOR,
            display_name="Record editor: reads and writes records",
            permissions=(
                "blrcs.collections.get",
                "blrcs.collections.list",
                "blrcs.records.*",
            ),
            builtin=True,
        ),
    )
}
