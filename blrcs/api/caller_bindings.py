"""What callers show besides tokens."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from blrcs.domain.token_limits import TokenBinding
from blrcs_native.call import Call


def no_certificate(_: Call) -> str | None:
    """That nothing is shown."""
    return None


async def no_proof(_: Call) -> str | None:
    """Likewise."""
    return None


def nobody_asks(_: Call) -> None:
    """That it does not matter what comes of a call."""


@dataclass(frozen=True, slots=True)
class CallerBindings:
    """What tokens can be bound to, of what a call shows.

    Attributes:
        certificate_of: The thumbprint of the client's certificate, verified; None without one.
        proven_key_of: The thumbprint of the key of which the call carries a good proof, likewise.
        vouch_for: Told of a call with a proof that what it shows besides was good.
        binds_to_certificates: Whether tokens got over mutual TLS are bound to the certificate.
    """

    certificate_of: Callable[[Call], str | None] = no_certificate
    proven_key_of: Callable[[Call], Awaitable[str | None]] = no_proof
    vouch_for: Callable[[Call], None] = nobody_asks
    binds_to_certificates: bool = False

    async def shown(self, call: Call) -> Sequence[TokenBinding]:
        """All of it."""
        certificate, key = self.certificate_of(call), await self.proven_key_of(call)
        return [
            *([] if key is None else [TokenBinding("proof", key)]),
            *([] if certificate is None else [TokenBinding("certificate", certificate)]),
        ]

    async def chosen(self, call: Call) -> TokenBinding | None:
        """What new tokens are bound to: a key that the caller proves, for it asks for that."""
        for binding in await self.shown(call):
            if binding.kind == "proof" or self.binds_to_certificates:
                return binding
        return None


UNBOUND = CallerBindings()
