"""AuthService.Introspect, answered in one step."""

from collections.abc import Iterable
from typing import final

from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard
from blrcs_native.tokens.verifier import TokenVerifier

@final
class DirectIntrospect(DirectHandler):
    """Answers Introspect by the verifier that guards calls; guards may read ``token``.

    ``misnamed`` is the rejection for a token with a session whose subject is no user's name, and
    ``not_verified`` that for who has had too many tokens verified in vain.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        misnamed: Rejection,
        not_verified: Rejection,
        guards: Iterable[Guard] = (),
    ) -> None: ...
