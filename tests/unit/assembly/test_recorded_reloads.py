"""What the audit log is told of settings that change while the server runs."""

import pytest

from blrcs.assembly.recorded_reloads import RecordedReloads
from blrcs.config.settings import Settings

GET = "/blrcs.v1.UserService/GetUser"
PUBLIC = {GET: {"access": "public"}}


class Sink:
    def __init__(self):
        self.told = []

    def put(self, values):
        self.told.append(values)


@pytest.fixture
def sink():
    return Sink()


def test_a_method_that_becomes_public_is_named_once_it_is(sink):
    commit = RecordedReloads(sink).prepare(Settings(), Settings(policies=PUBLIC))
    assert sink.told == []
    commit()
    assert sink.told == [{"kind": "configured", "request": {"changed": [f"policies.{GET}"]}}]


def test_of_other_settings_their_section_is_named_and_no_value(sink):
    new = Settings(policies=PUBLIC, logging={"level": "debug"})
    RecordedReloads(sink).prepare(Settings(policies=PUBLIC), new)()
    assert sink.told == [{"kind": "configured", "request": {"changed": ["logging.level"]}}]


def test_a_reload_that_changes_nothing_is_not_recorded(sink):
    RecordedReloads(sink).prepare(Settings(policies=PUBLIC), Settings(policies=PUBLIC))()
    assert sink.told == []
