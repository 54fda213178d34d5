"""Looking into a token."""

from blrcs.application.ports.credentials import Asker, TokenFacts, TokenInspector


class IntrospectToken:
    """Says whether an access token is valid now, and what it says (after RFC 7662)."""

    def __init__(self, *, inspector: TokenInspector) -> None:
        self._inspector = inspector

    async def __call__(self, token: str, asker: Asker) -> TokenFacts | None:
        """What the token says; None for one that is not to be trusted now, whatever the reason.

        Raises ResourceExhaustedError where the asker has had too many verified in vain.
        """
        return self._inspector.inspect(token, asker)
