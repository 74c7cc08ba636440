"""Requesters of examples, made of what is said of them."""

from gateway.account import Account, UserAccountControl
from gateway.authn.assumed import assumed_requester
from gateway.pki.certificate import parse_certificate
from gateway.policy.examples import RequesterFacts
from gateway.requester import Requester

_NORMAL_ACCOUNT = UserAccountControl(0x200)
_SOME_SID = "S-1-5-21-1-1-1-1000"
"""Of an account about which nothing else is said; domains have random numbers there."""


def requester_of(facts: RequesterFacts, client_certificate: bytes | None = None) -> Requester:
    """Raises MalformedMessage for a certificate that cannot be read."""
    return assumed_requester(
        facts.account,
        facts.authentication,
        client_certificate=None if client_certificate is None else parse_certificate(client_certificate),
        directory_account=_account(facts) if facts.is_in_directory else None,
        mapping_rule=facts.mapping_rule,
        partner=facts.partner,
    )


def _account(facts: RequesterFacts) -> Account:
    name, _, domain = facts.account.rpartition("@")
    container = facts.organizational_unit or ",".join(("CN=Users", *(f"DC={part}" for part in domain.split("."))))
    return assumed_account(
        realm=domain.upper(),
        sid=facts.object_sid or _SOME_SID,
        sam_account_name=name,
        user_principal_name=facts.user_principal_name,
        distinguished_name=facts.distinguished_name or f"CN={facts.common_name or name},{container}",
        groups=frozenset(group.lower() for group in facts.groups),
        group_sids=frozenset(facts.group_sids),
        common_name=facts.common_name,
        display_name=facts.display_name,
        mail=facts.mail,
        dns_host_name=facts.dns_host_name,
    )


def assumed_account(
    *,
    realm: str,
    sid: str,
    sam_account_name: str,
    user_principal_name: str | None,
    distinguished_name: str,
    groups: frozenset[str],
    group_sids: frozenset[str],
    common_name: str | None,
    display_name: str | None,
    mail: str | None,
    dns_host_name: str | None,
) -> Account:
    """An account in good standing: what is judged here is what it may have, not whether it may log on."""
    return Account(
        realm=realm,
        sid=sid,
        sam_account_name=sam_account_name,
        user_principal_name=user_principal_name,
        distinguished_name=distinguished_name,
        user_account_control=_NORMAL_ACCOUNT,
        groups=groups,
        group_sids=group_sids,
        admin_count=False,
        is_locked_out=False,
        expires=None,
        password_expired=False,
        bad_password_count=0,
        common_name=common_name,
        display_name=display_name,
        mail=mail,
        dns_host_name=dns_host_name,
    )
