"""What who administers a tenant is told of the root's roles and groups."""

import pytest

from blrcs.application.access.known import require_known
from blrcs.domain import delegation
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.delegation import Actor
from blrcs.domain.errors import NotFoundError
from blrcs.domain.role import Role


def test_what_the_actor_holds_is_read_once_for_all_names(monkeypatch):
    read = []
    original = delegation.names_of
    monkeypatch.setattr(
        delegation, "names_of", lambda *given: read.append(given) or original(*given)
    )
    monkeypatch.setattr(delegation._Rights, "cover", lambda _, gain: gain.resource[-1] != "9")
    named = tuple(f"roles/{number}" for number in range(10))
    changed = Role(name="tenants/a/roles/r", included_roles=named)
    with pytest.raises(NotFoundError):
        require_known(AccessPolicy(), changed, "tenants/a", Actor("users/a"), 1)
    assert len(read) == 1
