"""Puts AuthService and UserService together."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from blrcs.api.auth_service import AuthService
from blrcs.api.caller_bindings import CallerBindings, no_proof, nobody_asks
from blrcs.api.credential_service import CredentialService
from blrcs.api.user_service import UserService
from blrcs.api.user_use_cases import ApiKeyUseCases, ServiceAccountUseCases, UserUseCases
from blrcs.application.api_keys.create_api_key import CreateApiKey
from blrcs.application.api_keys.delete_api_key import DeleteApiKey
from blrcs.application.api_keys.get_api_key import GetApiKey
from blrcs.application.api_keys.list_api_keys import ListApiKeys
from blrcs.application.api_keys.update_api_key import UpdateApiKey
from blrcs.application.auth.begin_passkey_sign_in import BeginPasskeySignIn
from blrcs.application.auth.complete_sign_in import CompleteSignIn
from blrcs.application.auth.create_initial_administrator import CreateInitialAdministrator
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
from blrcs.application.ports.credentials import AdministratorGrant
from blrcs.application.ports.second_factors import SecretSealer
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
from blrcs.assembly.credentials import CredentialParts, new_challenges
from blrcs.assembly.failed_tokens import failures_in_vain
from blrcs.assembly.foundation import Foundation
from blrcs.assembly.issuers import TrustedIssuers
from blrcs.assembly.shared_counts import SharedCounts
from blrcs.assembly.signing import Signing, assemble_signing, key_ring
from blrcs.config.auth import Auth
from blrcs.database.repositories.api_key import SqlApiKeyRepository
from blrcs.database.repositories.grants import Grants
from blrcs.database.repositories.revocation import RevocationRepository
from blrcs.database.repositories.second_factor import SqlSecondFactorRepository
from blrcs.database.repositories.service_account import SqlServiceAccountRepository
from blrcs.database.repositories.session import SqlSessionRepository
from blrcs.database.repositories.user import SqlUserRepository
from blrcs.domain.session import SessionLifetime
from blrcs.interceptors.authentication import CheckProof
from blrcs.interceptors.peer_certificate import certificate_thumbprint
from blrcs.interceptors.shared_proofs import SpendProof
from blrcs.monitoring.issuer_metrics import IssuerMetrics
from blrcs.security.key_ring import KeyRing
from blrcs.security.passkeys import WebAuthnCeremonies
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.password_rules import GuessingPasswordRules, read_blocklist
from blrcs.security.proofs import ProofChecker
from blrcs.security.sign_in_throttle import CountingSignInThrottle
from blrcs.security.token_inspector import VerifyingTokenInspector
from blrcs.security.token_issuer import TYPE, JwtIssuer
from blrcs.security.token_revoker import VerifierRevoker
from blrcs.security.totp import Rfc6238Codes
from blrcs.workers.memory import (
    PROOF_CELLS,
    PROOFS,
    STRANGE_PROOF_CELLS,
    STRANGE_PROOFS,
    Memory,
)
from blrcs_native.tokens.failed_verifications import FailedVerifications
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the rest of the server needs of it."""

    verifier: TokenVerifier
    auth_service: AuthService
    user_service: UserService
    credential_service: CredentialService
    create_initial_administrator: CreateInitialAdministrator
    purge_expired: PurgeExpired
    api_keys: SqlApiKeyRepository
    revocations: RevocationRepository
    signing: Signing
    issuers: TrustedIssuers
    check_proof: CheckProof | None
    spend_proof: SpendProof | None


def assemble_identity(
    base: Foundation,
    settings: Auth,
    hasher: Argon2PasswordHasher,
    memory: Memory,
    sealer: SecretSealer,
    counts: SharedCounts,
    issuer_metrics: IssuerMetrics,
    *,
    grant_administrator: AdministratorGrant,
    grants: Grants,
) -> Identity:
    """Everything about who somebody is.

    Raises:
        KeyFileError: The key file cannot be used.
    """
    key, key_directory = key_ring(base.data_directory, settings, base.clock)
    revocations = memory.revocations(base.clock)
    failures, payments = failures_in_vain(memory, settings)
    verifier = _verifier(key, settings, revocations, base.clock, failures)
    revoker = VerifierRevoker(revocations, issuer=settings.issuer)
    stored_revocations = RevocationRepository(
        base.database,
        base.reader,
        revoker=revoker,
        clock=base.clock,
        token_ttl_ns=settings.longest_token_ns,
        announce=base.announce,
    )
    revocations.on_lapse(stored_revocations.load)
    stored_revocations.load()
    signing = assemble_signing(
        key, key_directory, settings, verifier, stored_revocations, revoker, base.clock
    )
    proofs = None
    if settings.proof_origins:
        limiter = memory.limiter(PROOFS, PROOF_CELLS)
        proofs = ProofChecker(
            limiter,
            origins=settings.proof_origins,
            clock=base.clock,
            elsewhere=counts.proofs,
            strangers=memory.limiter(STRANGE_PROOFS, STRANGE_PROOF_CELLS),
            payments=payments,
        )
    issuers = TrustedIssuers(settings, verifier, revocations, base.clock, issuer_metrics)
    users = SqlUserRepository(base.database, stored_revocations, grants)
    accounts = SqlServiceAccountRepository(base.database, stored_revocations, grants)
    api_keys = SqlApiKeyRepository(base.database, stored_revocations)
    sessions = SqlSessionRepository(base.database, stored_revocations)
    throttle = CountingSignInThrottle(counts.failures)
    factor_throttle = CountingSignInThrottle(
        counts.failures, purpose="second-factor", account_failures=5
    )
    prove_password = ProvePassword(
        users=users, sessions=sessions, hasher=hasher, throttle=throttle, clock=base.clock
    )
    rules = GuessingPasswordRules(
        hasher.run,
        min_characters=settings.password.min_length,
        blocklist=read_blocklist(settings.password.blocklist),
        words=(settings.issuer, settings.audience),
    )
    lifetime = SessionLifetime(
        refresh_ns=settings.refresh_token_ttl.ns, total_ns=settings.session_ttl.ns
    )

    def issuer(ttl_ns: int) -> JwtIssuer:
        return JwtIssuer(
            key,
            issuer=settings.issuer,
            audience=settings.audience,
            clock=base.clock,
            random=secrets.token_bytes,
            ttl_ns=ttl_ns,
        )

    access_tokens = issuer(settings.access_token_ttl.ns)
    parts = CredentialParts(
        users=users,
        sessions=sessions,
        second_factors=SqlSecondFactorRepository(base.database, stored_revocations),
        codes=Rfc6238Codes(issuer=settings.issuer),
        ceremonies=WebAuthnCeremonies(
            rp_id=settings.passkeys.rp_id,
            rp_name=settings.passkeys.rp_name,
            origins=settings.passkeys.origins,
        ),
        challenges=new_challenges(base),
        sealer=sealer,
        secrets=base.secrets,
        clock=base.clock,
    )
    prove_second_factor = parts.prove_second_factor(factor_throttle)
    open_session = OpenSession(
        sessions=sessions,
        secrets=base.secrets,
        tokens=access_tokens,
        lifetime=lifetime,
        clock=base.clock,
    )
    auth_service = AuthService(
        sign_in=SignIn(
            prove_password=prove_password,
            users=users,
            hasher=hasher,
            second_factors=parts.second_factors,
            ceremonies=parts.ceremonies,
            challenges=parts.challenges,
            open_session=open_session,
            secrets=base.secrets,
            clock=base.clock,
        ),
        complete_sign_in=CompleteSignIn(
            challenges=parts.challenges,
            users=users,
            prove_second_factor=prove_second_factor,
            prove_passkey=parts.prove_passkey(),
            open_session=open_session,
            clock=base.clock,
        ),
        begin_passkey_sign_in=BeginPasskeySignIn(
            ceremonies=parts.ceremonies,
            challenges=parts.challenges,
            secrets=base.secrets,
            clock=base.clock,
        ),
        step_up=StepUp(
            prove_password=prove_password,
            prove_second_factor=prove_second_factor,
            prove_passkey=parts.prove_passkey(),
            challenges=parts.challenges,
            users=users,
            sessions=sessions,
            second_factors=parts.second_factors,
            tokens=access_tokens,
            clock=base.clock,
        ),
        refresh=Refresh(
            sessions=sessions,
            secrets=base.secrets,
            tokens=access_tokens,
            lifetime=lifetime,
            clock=base.clock,
        ),
        sign_out=SignOut(sessions=sessions),
        introspect_token=IntrospectToken(inspector=VerifyingTokenInspector(verifier)),
        get_jwks=GetJwks(keys=key, max_age_ns=settings.key_prepublish.ns // 2),
        list_sessions=ListSessions(
            users=users, sessions=sessions, page_tokens=base.page_tokens, clock=base.clock
        ),
        revoke_session=RevokeSession(sessions=sessions),
        issue_service_token=IssueServiceToken(
            api_keys=api_keys,
            secrets=base.secrets,
            tokens=issuer(settings.service_token_ttl.ns),
            clock=base.clock,
        ),
        exchange_token=ExchangeToken(
            inspector=VerifyingTokenInspector(verifier),
            tokens=issuer(settings.exchange_token_ttl.ns),
            audiences=settings.exchange_audiences,
        ),
        revoke_tokens=RevokeTokens(
            revocations=stored_revocations,
            issuer=settings.issuer,
            longest_ns={settings.issuer: settings.longest_token_ns, **issuers.longest_ns},
            clock=base.clock,
        ),
        bindings=CallerBindings(
            certificate_of=certificate_thumbprint,
            proven_key_of=no_proof if proofs is None else proofs.proven_key,
            vouch_for=nobody_asks if proofs is None else proofs.vouch_for,
            binds_to_certificates=settings.bind_to_certificates,
        ),
    )
    user_service = UserService(
        users=UserUseCases(
            create_user=CreateUser(users=users, hasher=hasher, rules=rules, clock=base.clock),
            get_user=GetUser(users=users),
            list_users=ListUsers(users=users, page_tokens=base.page_tokens),
            update_user=UpdateUser(users=users, clock=base.clock),
            delete_user=DeleteUser(users=users),
            change_password=ChangePassword(
                prove_password=prove_password,
                users=users,
                hasher=hasher,
                rules=rules,
                clock=base.clock,
            ),
            reset_password=ResetPassword(users=users, hasher=hasher, rules=rules, clock=base.clock),
        ),
        service_accounts=ServiceAccountUseCases(
            create_service_account=CreateServiceAccount(
                accounts=accounts, secrets=base.secrets, clock=base.clock
            ),
            get_service_account=GetServiceAccount(accounts=accounts),
            list_service_accounts=ListServiceAccounts(
                accounts=accounts, page_tokens=base.page_tokens
            ),
            update_service_account=UpdateServiceAccount(accounts=accounts, clock=base.clock),
            delete_service_account=DeleteServiceAccount(accounts=accounts),
        ),
        api_keys=ApiKeyUseCases(
            create_api_key=CreateApiKey(api_keys=api_keys, secrets=base.secrets, clock=base.clock),
            get_api_key=GetApiKey(api_keys=api_keys),
            list_api_keys=ListApiKeys(
                api_keys=api_keys, accounts=accounts, page_tokens=base.page_tokens
            ),
            update_api_key=UpdateApiKey(api_keys=api_keys, clock=base.clock),
            delete_api_key=DeleteApiKey(api_keys=api_keys),
        ),
    )
    return Identity(
        verifier=verifier,
        auth_service=auth_service,
        user_service=user_service,
        credential_service=parts.service((throttle, factor_throttle)),
        create_initial_administrator=CreateInitialAdministrator(
            users=users,
            hasher=hasher,
            rules=rules,
            secrets=base.secrets,
            grant_administrator=grant_administrator,
            clock=base.clock,
        ),
        purge_expired=PurgeExpired(
            sessions=sessions, second_factors=parts.second_factors, clock=base.clock
        ),
        api_keys=api_keys,
        revocations=stored_revocations,
        signing=signing,
        issuers=issuers,
        check_proof=None if proofs is None else proofs.check,
        spend_proof=None if proofs is None or counts.proofs is None else proofs.spend_elsewhere,
    )


def _verifier(
    key: KeyRing,
    settings: Auth,
    revocations: Revocations,
    clock: Callable[[], int],
    failures: FailedVerifications | None,
) -> TokenVerifier:
    return TokenVerifier(
        key.keyset(),
        issuers=[settings.issuer],
        audiences=[settings.audience],
        types=[TYPE],
        leeway_s=settings.leeway.ns // NS_PER_S,
        cache_entries=settings.token_cache_entries,
        clock=clock,
        revocations=revocations,
        failures=failures,
    )
