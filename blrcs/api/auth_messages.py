"""Sessions, tokens and keys, as AuthService writes them."""

from collections.abc import Mapping

from blrcs.api.times import to_duration, to_timestamp
from blrcs.application.auth.tokens import Tokens
from blrcs.application.ports.credentials import TokenFacts
from blrcs.domain.identity_name import is_user_name, session_name, user_id_in
from blrcs.domain.session import Session
from blrcs.v1 import auth_pb2

TOKEN_TYPE = "Bearer"  # noqa: S105 - RFC 6750's name for a kind of token
PROOF_TYPE = "DPoP"


def tokens_message(tokens: Tokens) -> auth_pb2.Tokens:
    """The message for tokens just issued."""
    message = auth_pb2.Tokens(
        access_token=tokens.access.text,
        token_type=PROOF_TYPE if _is_proven(tokens) else TOKEN_TYPE,
        expires_in=to_duration(tokens.access.ttl_ns),
    )
    if tokens.refresh_token:
        message.refresh_token = tokens.refresh_token
        message.refresh_expires_in.CopyFrom(to_duration(tokens.refresh_ttl_ns))
    return message


def _is_proven(tokens: Tokens) -> bool:
    return tokens.binding is not None and tokens.binding.kind == "proof"


def session_message(session: Session) -> auth_pb2.Session:
    """The message for a session."""
    return auth_pb2.Session(
        name=session.name,
        display_name=session.display_name,
        address=session.address,
        create_time=to_timestamp(session.create_time_ns),
        refresh_time=to_timestamp(session.refresh_time_ns),
        expire_time=to_timestamp(session.expire_time_ns),
    )


def introspection_message(facts: TokenFacts | None) -> auth_pb2.IntrospectResponse:
    """The message for what a token says; of an invalid one it tells nothing."""
    if facts is None:
        return auth_pb2.IntrospectResponse()
    session = ""
    if is_user_name(facts.principal) and facts.session_id:
        session = session_name(user_id_in(facts.principal), facts.session_id)
    return auth_pb2.IntrospectResponse(
        active=True,
        principal=facts.principal,
        session=session,
        token_id=facts.token_id,
        issuer=facts.issuer,
        audiences=facts.audiences,
        issue_time=to_timestamp(facts.issue_time_ns),
        expire_time=to_timestamp(facts.expire_time_ns),
        scope=facts.scope or (),
        actor=facts.actors[0] if facts.actors else "",
    )


def jwk_message(members: Mapping[str, str]) -> auth_pb2.JsonWebKey:
    """The message for a JSON Web Key."""
    return auth_pb2.JsonWebKey(**members)
