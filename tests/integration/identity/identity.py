"""AuthService and UserService over a real database, verifier and hasher."""

import contextlib
from types import SimpleNamespace

from blrcs.api.auth_service import AuthService
from blrcs.api.caller_bindings import CallerBindings
from blrcs.api.user_service import UserService
from blrcs.api.user_use_cases import ApiKeyUseCases, ServiceAccountUseCases, UserUseCases
from blrcs.application.api_keys.create_api_key import CreateApiKey
from blrcs.application.api_keys.delete_api_key import DeleteApiKey
from blrcs.application.api_keys.get_api_key import GetApiKey
from blrcs.application.api_keys.list_api_keys import ListApiKeys
from blrcs.application.api_keys.update_api_key import UpdateApiKey
from blrcs.application.auth.begin_passkey_sign_in import BeginPasskeySignIn
from blrcs.application.auth.complete_sign_in import CompleteSignIn
from blrcs.application.auth.exchange_token import ExchangeToken
from blrcs.application.auth.get_jwks import GetJwks
from blrcs.application.auth.introspect_token import IntrospectToken
from blrcs.application.auth.issue_service_token import IssueServiceToken
from blrcs.application.auth.list_sessions import ListSessions
from blrcs.application.auth.open_session import OpenSession
from blrcs.application.auth.prove_password import ProvePassword
from blrcs.application.auth.purge_expired import PurgeExpired
from blrcs.application.auth.refresh import Refresh
from blrcs.application.auth.revoke_session import RevokeSession
from blrcs.application.auth.revoke_tokens import RevokeTokens
from blrcs.application.auth.sign_in import SignIn
from blrcs.application.auth.sign_out import SignOut
from blrcs.application.auth.step_up import StepUp
from blrcs.application.service_accounts.create_service_account import CreateServiceAccount
from blrcs.application.service_accounts.delete_service_account import DeleteServiceAccount
from blrcs.application.service_accounts.get_service_account import GetServiceAccount
from blrcs.application.service_accounts.list_service_accounts import ListServiceAccounts
from blrcs.application.service_accounts.update_service_account import UpdateServiceAccount
from blrcs.application.users.change_password import ChangePassword
from blrcs.application.users.create_user import CreateUser
from blrcs.application.users.delete_user import DeleteUser
from blrcs.application.users.get_user import GetUser
from blrcs.application.users.list_users import ListUsers
from blrcs.application.users.reset_password import ResetPassword
from blrcs.application.users.update_user import UpdateUser
from blrcs.assembly.credentials import CredentialParts
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.repositories.api_key import SqlApiKeyRepository
from blrcs.database.repositories.revocation import RevocationRepository
from blrcs.database.repositories.second_factor import SqlSecondFactorRepository
from blrcs.database.repositories.service_account import SqlServiceAccountRepository
from blrcs.database.repositories.session import SqlSessionRepository
from blrcs.database.repositories.user import SqlUserRepository
from blrcs.domain.session import SessionLifetime
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.local_master_key import FileMasterKey
from blrcs.encryption.master_key import MasterKeys
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.stored_key import CREDENTIALS
from blrcs.security.access_store import AccessStore
from blrcs.security.challenges import SealedChallenges
from blrcs.security.derived_sealer import DerivedSealer
from blrcs.security.failure_counts import LimiterFailureCounts
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.passkeys import WebAuthnCeremonies
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.password_rules import GuessingPasswordRules
from blrcs.security.password_tuning import HashWork
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.security.sign_in_throttle import CountingSignInThrottle
from blrcs.security.signing_keys import load_or_create_signing_key
from blrcs.security.token_inspector import VerifyingTokenInspector
from blrcs.security.token_issuer import DEFAULT_TTL_NS, JwtIssuer
from blrcs.security.token_revoker import VerifierRevoker
from blrcs.security.totp import Rfc6238Codes
from blrcs.v1 import auth_pb2, user_pb2
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier
from tests.authenticator import ORIGIN, RP_ID
from tests.unit.application.identity_fakes import (
    MINUTE_NS,
    counting_random,
)

ISSUER = "https://blrcs.test"
AUDIENCE = "blrcs"
PASSWORD = "correct horse"
DAY_NS = 24 * 60 * MINUTE_NS
SESSIONS_PER_USER = 5


def call_of(principal="", session="", address="192.0.2.1"):
    """What a servicer sees of a call."""
    caller = None
    if principal:
        caller = SimpleNamespace(name=principal, session=session, claims=None)
    return SimpleNamespace(principal=caller, peer_address=address)


async def _master():
    return bytes(32)


class Identity:
    """What a composition root would hold; ``open`` on the same folder is a restart."""

    def __init__(self, folder, clock, database, reader, hasher):
        self.database = database
        self.clock = clock
        self.revocations = Revocations(clock=clock)
        key = load_or_create_signing_key(folder / "signing_key.pem")
        self.verifier = TokenVerifier(
            Keyset([VerificationKey.from_jwk(each) for each in key.jwks()]),
            issuers=[ISSUER],
            audiences=[AUDIENCE],
            types=["at+jwt"],
            leeway_s=0,
            clock=clock,
            revocations=self.revocations,
        )
        tokens = JwtIssuer(
            key, issuer=ISSUER, audience=AUDIENCE, clock=clock, random=counting_random()
        )
        stored_revocations = RevocationRepository(
            database,
            reader,
            revoker=VerifierRevoker(self.revocations, issuer=ISSUER),
            clock=clock,
            token_ttl_ns=DEFAULT_TTL_NS,
        )
        stored_revocations.load()
        self.stored_revocations = stored_revocations
        self.shown = None
        self.bindings = CallerBindings(
            certificate_of=lambda _: self.shown, binds_to_certificates=True
        )
        self.access = AccessStore(SqlAccessRepository(database, reader), clock=clock)
        self.users = SqlUserRepository(database, stored_revocations, self.access)
        self.accounts = SqlServiceAccountRepository(database, stored_revocations, self.access)
        self.api_keys = SqlApiKeyRepository(database, stored_revocations)
        self.sessions = SqlSessionRepository(
            database, stored_revocations, sessions_per_user=SESSIONS_PER_USER
        )
        self.second_factors = SqlSecondFactorRepository(database, stored_revocations)
        self.purge = PurgeExpired(
            sessions=self.sessions, second_factors=self.second_factors, clock=clock
        )
        self.hasher = hasher
        self.secrets = RandomSecretGenerator()
        counts = LimiterFailureCounts(Limiter(1024, clock=clock))
        self.throttle = CountingSignInThrottle(counts)
        # Races are to be decided by the database alone.
        self.factor_throttle = CountingSignInThrottle(
            counts, purpose="second-factor", account_failures=1000, address_failures=1000
        )
        masters = MasterKeys(FileMasterKey(folder / "encryption_key"))
        keys = DataKeys(KeyStore(database), masters, clock)
        self.parts = CredentialParts(
            users=self.users,
            sessions=self.sessions,
            second_factors=self.second_factors,
            codes=Rfc6238Codes(issuer="blrcs"),
            ceremonies=WebAuthnCeremonies(rp_id=RP_ID, rp_name="tests", origins=[ORIGIN]),
            challenges=SealedChallenges(DerivedSealer(_master, purpose="tests"), clock),
            sealer=Sealer(keys, CREDENTIALS),
            secrets=self.secrets,
            clock=clock,
        )
        prove_password = ProvePassword(
            users=self.users,
            sessions=self.sessions,
            hasher=hasher,
            throttle=self.throttle,
            clock=clock,
        )
        self.auth = self._auth_service(prove_password, key, tokens)
        self.user = self._user_service(prove_password)
        self.credential = self.parts.service((self.throttle, self.factor_throttle))

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, store, clock):
        hasher = Argon2PasswordHasher(HashWork(16, 1))
        try:
            async with store.open() as (database, reader):
                identity = cls(store.folder, clock, database, reader, hasher)
                yield identity
                await identity.api_keys.drain()
        finally:
            hasher.close()

    def _auth_service(self, prove_password, key, tokens):
        lifetime = SessionLifetime(refresh_ns=DAY_NS, total_ns=7 * DAY_NS)
        issuing = {"secrets": self.secrets, "tokens": tokens, "clock": self.clock}
        open_session = OpenSession(sessions=self.sessions, lifetime=lifetime, **issuing)
        prove_second_factor = self.parts.prove_second_factor(self.factor_throttle)
        signing_in = {
            "users": self.users,
            "challenges": self.parts.challenges,
            "open_session": open_session,
            "clock": self.clock,
        }
        return AuthService(
            sign_in=SignIn(
                prove_password=prove_password,
                hasher=self.hasher,
                second_factors=self.second_factors,
                ceremonies=self.parts.ceremonies,
                secrets=self.secrets,
                **signing_in,
            ),
            complete_sign_in=CompleteSignIn(
                prove_second_factor=prove_second_factor,
                prove_passkey=self.parts.prove_passkey(),
                **signing_in,
            ),
            begin_passkey_sign_in=BeginPasskeySignIn(
                ceremonies=self.parts.ceremonies,
                challenges=self.parts.challenges,
                secrets=self.secrets,
                clock=self.clock,
            ),
            step_up=StepUp(
                prove_password=prove_password,
                prove_second_factor=prove_second_factor,
                prove_passkey=self.parts.prove_passkey(),
                challenges=self.parts.challenges,
                users=self.users,
                sessions=self.sessions,
                second_factors=self.second_factors,
                tokens=tokens,
                clock=self.clock,
            ),
            refresh=Refresh(sessions=self.sessions, lifetime=lifetime, **issuing),
            sign_out=SignOut(sessions=self.sessions),
            introspect_token=IntrospectToken(inspector=VerifyingTokenInspector(self.verifier)),
            get_jwks=GetJwks(keys=key, max_age_ns=MINUTE_NS),
            list_sessions=ListSessions(
                users=self.users,
                sessions=self.sessions,
                page_tokens=SignedPageTokens(bytes(32)),
                clock=self.clock,
            ),
            revoke_session=RevokeSession(sessions=self.sessions),
            issue_service_token=IssueServiceToken(api_keys=self.api_keys, **issuing),
            exchange_token=ExchangeToken(
                inspector=VerifyingTokenInspector(self.verifier),
                tokens=tokens,
                audiences=[AUDIENCE, "billing"],
            ),
            revoke_tokens=RevokeTokens(
                revocations=self.stored_revocations,
                issuer=ISSUER,
                longest_ns={ISSUER: DEFAULT_TTL_NS},
                clock=self.clock,
            ),
            bindings=self.bindings,
        )

    def _user_service(self, prove_password):
        page_tokens = SignedPageTokens(bytes(32))
        users = {"users": self.users}
        rules = GuessingPasswordRules(self.hasher.run)
        hashing = users | {"hasher": self.hasher, "rules": rules, "clock": self.clock}
        accounts = {"accounts": self.accounts}
        keys = {"api_keys": self.api_keys}
        return UserService(
            users=UserUseCases(
                create_user=CreateUser(**hashing),
                get_user=GetUser(**users),
                list_users=ListUsers(**users, page_tokens=page_tokens),
                update_user=UpdateUser(**users, clock=self.clock),
                delete_user=DeleteUser(**users),
                change_password=ChangePassword(prove_password=prove_password, **hashing),
                reset_password=ResetPassword(**hashing),
            ),
            service_accounts=ServiceAccountUseCases(
                create_service_account=CreateServiceAccount(
                    **accounts, secrets=self.secrets, clock=self.clock
                ),
                get_service_account=GetServiceAccount(**accounts),
                list_service_accounts=ListServiceAccounts(**accounts, page_tokens=page_tokens),
                update_service_account=UpdateServiceAccount(**accounts, clock=self.clock),
                delete_service_account=DeleteServiceAccount(**accounts),
            ),
            api_keys=ApiKeyUseCases(
                create_api_key=CreateApiKey(**keys, secrets=self.secrets, clock=self.clock),
                get_api_key=GetApiKey(**keys),
                list_api_keys=ListApiKeys(**keys, **accounts, page_tokens=page_tokens),
                update_api_key=UpdateApiKey(**keys, clock=self.clock),
                delete_api_key=DeleteApiKey(**keys),
            ),
        )

    async def add_user(self, user_id):
        request = user_pb2.CreateUserRequest(user_id=user_id, password=PASSWORD)
        return await self.user.CreateUser(request, call_of("users/admin"))

    async def sign_in(self, user_id, password=PASSWORD, *, address="192.0.2.1", **details):
        request = auth_pb2.SignInRequest(user_id=user_id, password=password, **details)
        return await self.auth.SignIn(request, call_of(address=address))

    async def refresh(self, token):
        request = auth_pb2.RefreshRequest(refresh_token=token)
        return (await self.auth.Refresh(request, call_of())).tokens

    async def add_key(self, account_id, key_id="ci", **fields):
        """A service account with one API key, and the key's text."""
        if await self.accounts.get(account_id) is None:
            await self.user.CreateServiceAccount(
                user_pb2.CreateServiceAccountRequest(service_account_id=account_id), call_of()
            )
        request = user_pb2.CreateApiKeyRequest(
            parent=f"serviceAccounts/{account_id}", api_key_id=key_id, api_key=fields
        )
        return (await self.user.CreateApiKey(request, call_of())).key

    async def service_token(self, api_key):
        request = auth_pb2.IssueServiceTokenRequest(api_key=api_key)
        return (await self.auth.IssueServiceToken(request, call_of())).tokens.access_token

    async def introspect(self, token):
        return await self.auth.Introspect(auth_pb2.IntrospectRequest(token=token), call_of())

    async def active(self, *tokens):
        """Which of the access tokens are valid."""
        return [(await self.introspect(token)).active for token in tokens]
