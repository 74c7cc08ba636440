"""What a requester is, in the words of the directory and of certificates: for patterns that a value must equal.

Only what was established in this call counts: the account as the directory has it, and the client certificate that the
TLS handshake verified. What a requester says of itself in the request is no part of it.
"""

from collections.abc import Callable, Iterator, Mapping

from gateway.account import Account
from gateway.pki.certificate import Certificate
from gateway.pki.names import GeneralNameType
from gateway.requester import Requester

Values = Iterator[str | None]


def _of_account(values: Callable[[Account], Values]) -> Callable[[Requester], Values]:
    def of(requester: Requester) -> Values:
        if requester.directory_account is not None:
            yield from values(requester.directory_account)

    return of


def _user_principal_names(account: Account) -> Values:
    """The one that was given to it, and the one that every account has ([MS-ADTS] 5.1.1.1.1)."""
    yield account.user_principal_name
    yield account.name


def _of_certificate(kind: GeneralNameType) -> Callable[[Requester], Values]:
    def of(requester: Requester) -> Values:
        if isinstance(requester.evidence, Certificate):
            names = requester.evidence.subject_alternative_name
            yield from (name.value for name in names if name.type is kind)

    return of


def _common_names_of_certificate(requester: Requester) -> Values:
    if isinstance(requester.evidence, Certificate):
        attributes = requester.evidence.subject.attributes()
        yield from (attribute.value for attribute in attributes if attribute.type == "commonName")


IDENTITY: Mapping[str, Callable[[Requester], Values]] = {
    "account": lambda requester: iter((requester.account,)),
    "userPrincipalName": _of_account(_user_principal_names),
    "dNSHostName": _of_account(lambda account: iter((account.dns_host_name,))),
    "sAMAccountName": _of_account(lambda account: iter((account.sam_account_name,))),
    "mail": _of_account(lambda account: iter((account.mail,))),
    "commonName": _of_account(lambda account: iter((account.common_name,))),
    "displayName": _of_account(lambda account: iter((account.display_name,))),
    "objectSid": _of_account(lambda account: iter((account.sid,))),
    "certificate.dNSName": _of_certificate(GeneralNameType.DNS_NAME),
    "certificate.userPrincipalName": _of_certificate(GeneralNameType.USER_PRINCIPAL_NAME),
    "certificate.rfc822Name": _of_certificate(GeneralNameType.RFC822_NAME),
    "certificate.commonName": _common_names_of_certificate,
}
"""The words of policy files. A requester without the fact has no value; it has several where several names are its."""


def has_identity(requester: Requester, word: str, value: str) -> bool:
    """Whether the value is one of the requester's own, in any case: none of these is told apart by it, neither in DNS
    (RFC 4343) nor in the directory."""
    return any(own is not None and own.lower() == value.lower() for own in IDENTITY[word](requester))
