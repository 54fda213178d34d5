"""Tokens verified by strict rules, and remembered only as long as they stay valid."""

from asyncio import Future
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.failed_verifications import FailedVerifications
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.refusal import TokenRefusal
from blrcs_native.tokens.revocations import Revocations

@final
class TokenVerifier:
    def __init__(
        self,
        keyset: Keyset,
        *,
        issuers: Iterable[str],
        audiences: Iterable[str],
        types: Iterable[str] = ...,
        leeway_s: int = ...,
        max_ttl_s: int | None = None,
        max_bytes: int = ...,
        cache_entries: int = ...,
        clock: Callable[[], int] = ...,
        revocations: Revocations | None = None,
        allow_missing_kid: bool = False,
        scope_narrows: bool = True,
        identify: Callable[[Mapping[str, Any]], tuple[str, Iterable[str]] | None] | None = None,
        failures: FailedVerifications | None = None,
    ) -> None: ...
    @property
    def keyset(self) -> Keyset: ...
    @property
    def revocations(self) -> Revocations: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def cache_entries(self) -> int: ...
    @property
    def keyset_generation(self) -> int: ...
    @property
    def cached_count(self) -> int: ...
    @property
    def failures(self) -> FailedVerifications | None: ...
    def verify(
        self, token: bytes | str, address: str | None = None, *, asker: str | None = None
    ) -> Claims | TokenRefusal: ...
    def replace_keyset(self, keyset: Keyset) -> None: ...
    def look_for_keys(self, look: Callable[[], bool | Future[None] | None]) -> None: ...
    def delegate(self, verifiers: Mapping[str, TokenVerifier]) -> None: ...
    def clear_cache(self) -> None: ...
