"""What a line must have so that its application can be judged again, under other policies (`policy replay`)."""

from base64 import b64encode

from gateway.account import Account
from gateway.pki.authorities import TrustedCertificate
from gateway.pki.certificate import Certificate
from gateway.policy.decision import Application

Judged = dict[str, object]

MAX_REFUSED = 16 * 1024
"""Bytes of request and context. Refusals cost their sender nothing, so their lines must not cost the disk much."""
MAX_GROUPS = 1000
"""A token of Windows has room for 1015 groups (KB328889)."""


def judged(application: Application, *, is_approved: bool) -> Judged:
    """Whatever a condition can ask for that the bytes of the request do not say themselves, and those bytes.

    Of what is too long, only that is told: such a line cannot be replayed.
    """
    size = len(application.request.der) + sum(len(i.name) + len(i.value) for i in application.additional_context)
    account = application.requester.directory_account
    groups = 0 if account is None else max(len(account.groups), len(account.group_sids))
    if size > MAX_REFUSED and not is_approved:
        return {"judged": {"omitted": f"a refused request of more than {MAX_REFUSED} bytes"}}
    if groups > MAX_GROUPS:
        return {"judged": {"omitted": f"an account in more than {MAX_GROUPS} groups"}}
    return {
        "judged": {
            "request": b64encode(application.request.der).decode("ascii"),
            "additional_context": [[item.name, item.value] for item in application.additional_context],
            "signers": [
                {"sha256": signer.certificate.sha256_fingerprint, "authority": signer.authority}
                for signer in application.signers
            ],
            "requester": _requester(application),
        }
    }


def _requester(application: Application) -> Judged:
    """All but what stands in the line anyway: account, authentication, mapping rule."""
    requester = application.requester
    told: Judged = {}
    if requester.partner is not None:
        told["partner"] = requester.partner
    if isinstance(requester.evidence, Certificate):
        told["client_certificate"] = b64encode(requester.evidence.der).decode("ascii")
    if isinstance(application.shown, TrustedCertificate):
        told["client_certificate_authority"] = application.shown.authority
    if requester.directory_account is not None:
        told["directory_account"] = _account(requester.directory_account)
    return told


def _account(account: Account) -> Judged:
    return {
        "realm": account.realm,
        "sid": account.sid,
        "sam_account_name": account.sam_account_name,
        "user_principal_name": account.user_principal_name,
        "distinguished_name": account.distinguished_name,
        "common_name": account.common_name,
        "display_name": account.display_name,
        "mail": account.mail,
        "dns_host_name": account.dns_host_name,
        "groups": sorted(account.groups),
        "group_sids": sorted(account.group_sids),
    }
