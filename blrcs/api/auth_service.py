"""AuthService: proofs of identity, tokens and sessions."""

from google.protobuf.empty_pb2 import Empty

from blrcs.api.auth_messages import (
    introspection_message,
    jwk_message,
    session_message,
    tokens_message,
)
from blrcs.api.caller import actor_of, asker_of, caller_name, own_session
from blrcs.api.caller_bindings import UNBOUND, CallerBindings
from blrcs.api.sign_in_messages import factor_proof, passkey_challenge_message, signed_in_message
from blrcs.api.times import to_duration
from blrcs.application.auth.begin_passkey_sign_in import BeginPasskeySignIn
from blrcs.application.auth.complete_sign_in import CompleteSignIn
from blrcs.application.auth.exchange_token import ExchangeToken
from blrcs.application.auth.get_jwks import GetJwks
from blrcs.application.auth.introspect_token import IntrospectToken
from blrcs.application.auth.issue_service_token import IssueServiceToken
from blrcs.application.auth.list_sessions import ListSessions
from blrcs.application.auth.refresh import Refresh
from blrcs.application.auth.revoke_session import RevokeSession
from blrcs.application.auth.revoke_tokens import RevokeTokens
from blrcs.application.auth.sign_in import SignIn
from blrcs.application.auth.sign_out import SignOut
from blrcs.application.auth.step_up import StepUp
from blrcs.application.page import PageRequest
from blrcs.domain.identity_name import session_ids_in, user_id_in
from blrcs.v1 import auth_pb2, auth_pb2_grpc
from blrcs_native.calls.call import Call


class AuthService(auth_pb2_grpc.AuthServiceServicer):
    """Serves blrcs.v1.AuthService; the contract of each method stands in auth.proto."""

    def __init__(
        self,
        *,
        sign_in: SignIn,
        complete_sign_in: CompleteSignIn,
        begin_passkey_sign_in: BeginPasskeySignIn,
        step_up: StepUp,
        refresh: Refresh,
        sign_out: SignOut,
        introspect_token: IntrospectToken,
        get_jwks: GetJwks,
        list_sessions: ListSessions,
        revoke_session: RevokeSession,
        issue_service_token: IssueServiceToken,
        exchange_token: ExchangeToken,
        revoke_tokens: RevokeTokens,
        bindings: CallerBindings = UNBOUND,
    ) -> None:
        self._exchange_token = exchange_token
        self._revoke_tokens = revoke_tokens
        self._bindings = bindings
        self._sign_in = sign_in
        self._complete_sign_in = complete_sign_in
        self._begin_passkey_sign_in = begin_passkey_sign_in
        self._step_up = step_up
        self._refresh = refresh
        self._sign_out = sign_out
        self._introspect_token = introspect_token
        self._get_jwks = get_jwks
        self._list_sessions = list_sessions
        self._revoke_session = revoke_session
        self._issue_service_token = issue_service_token

    async def SignIn(  # noqa: D102
        self, request: auth_pb2.SignInRequest, call: Call
    ) -> auth_pb2.SignInResponse:
        signed_in = await self._sign_in(
            request.user_id,
            request.password,
            display_name=request.display_name,
            address=call.peer_address,
            binding=await self._bindings.chosen(call),
        )
        self._bindings.vouch_for(call)
        return signed_in_message(signed_in)

    async def CompleteSignIn(  # noqa: D102
        self, request: auth_pb2.CompleteSignInRequest, call: Call
    ) -> auth_pb2.SignInResponse:
        signed_in = await self._complete_sign_in(
            request.challenge_token,
            factor_proof(request),
            address=call.peer_address,
            display_name=request.display_name,
            binding=await self._bindings.chosen(call),
        )
        self._bindings.vouch_for(call)
        return signed_in_message(signed_in)

    async def BeginPasskeySignIn(  # noqa: D102
        self, _: auth_pb2.BeginPasskeySignInRequest, __: Call
    ) -> auth_pb2.BeginPasskeySignInResponse:
        asked = await self._begin_passkey_sign_in()
        return auth_pb2.BeginPasskeySignInResponse(challenge=passkey_challenge_message(asked))

    async def StepUp(  # noqa: D102
        self, request: auth_pb2.StepUpRequest, call: Call
    ) -> auth_pb2.StepUpResponse:
        # Whoever only acts for somebody, or may do a part alone, gets no token for all.
        tokens = await self._step_up(
            caller_name(call),
            own_session(call),
            password=request.password,
            proof=factor_proof(request),
            address=call.peer_address,
            challenge=request.challenge_token,
        )
        return auth_pb2.StepUpResponse(tokens=tokens_message(tokens))

    async def Refresh(  # noqa: D102
        self, request: auth_pb2.RefreshRequest, call: Call
    ) -> auth_pb2.RefreshResponse:
        tokens = await self._refresh(
            request.refresh_token, bindings=await self._bindings.shown(call)
        )
        self._bindings.vouch_for(call)
        return auth_pb2.RefreshResponse(tokens=tokens_message(tokens))

    async def SignOut(  # noqa: D102
        self, _: auth_pb2.SignOutRequest, call: Call
    ) -> auth_pb2.SignOutResponse:
        # Whoever only acts for somebody, or may do a part alone, does not end the session.
        await self._sign_out(caller_name(call), own_session(call))
        return auth_pb2.SignOutResponse()

    async def Introspect(  # noqa: D102
        self, request: auth_pb2.IntrospectRequest, call: Call
    ) -> auth_pb2.IntrospectResponse:
        return introspection_message(await self._introspect_token(request.token, asker_of(call)))

    async def GetJwks(  # noqa: D102
        self, _: auth_pb2.GetJwksRequest, __: Call
    ) -> auth_pb2.GetJwksResponse:
        published = await self._get_jwks()
        return auth_pb2.GetJwksResponse(
            keys=map(jwk_message, published.keys), max_age=to_duration(published.max_age_ns)
        )

    async def ListSessions(  # noqa: D102
        self, request: auth_pb2.ListSessionsRequest, _: Call
    ) -> auth_pb2.ListSessionsResponse:
        page = await self._list_sessions(
            user_id_in(request.parent, field="parent"),
            PageRequest(request.page_size, request.page_token),
        )
        return auth_pb2.ListSessionsResponse(
            sessions=map(session_message, page.items), next_page_token=page.next_page_token
        )

    async def RevokeSession(  # noqa: D102
        self, request: auth_pb2.RevokeSessionRequest, _: Call
    ) -> Empty:
        await self._revoke_session(*session_ids_in(request.name))
        return Empty()

    async def IssueServiceToken(  # noqa: D102
        self, request: auth_pb2.IssueServiceTokenRequest, call: Call
    ) -> auth_pb2.IssueServiceTokenResponse:
        tokens = await self._issue_service_token(
            request.api_key, binding=await self._bindings.chosen(call)
        )
        self._bindings.vouch_for(call)
        return auth_pb2.IssueServiceTokenResponse(tokens=tokens_message(tokens))

    async def ExchangeToken(  # noqa: D102
        self, request: auth_pb2.ExchangeTokenRequest, call: Call
    ) -> auth_pb2.ExchangeTokenResponse:
        tokens = await self._exchange_token(
            actor_of(call),
            subject=request.subject,
            subject_token=request.subject_token,
            audience=request.audience,
            scope=tuple(request.scope),
        )
        return auth_pb2.ExchangeTokenResponse(tokens=tokens_message(tokens))

    async def RevokeTokens(  # noqa: D102
        self, request: auth_pb2.RevokeTokensRequest, _: Call
    ) -> Empty:
        if request.WhichOneof("tokens") == "token_id":
            await self._revoke_tokens.token(request.token_id, issuer=request.issuer)
        else:
            await self._revoke_tokens.subject(request.subject, issuer=request.issuer)
        return Empty()
