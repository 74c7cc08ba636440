"""The names in an issued certificate: whose they are, and which of them are nobody's.

A CA takes the names of an offline template from the request, and those of an online one from the account that reaches
it ([MS-WCCE] 3.2.2.6.2.1.4.5.9). Whatever else it writes must meet the policy's `issued` section.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from gateway.account import Account
from gateway.pki.certificate import Certificate
from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.pki.extensions import security_identifier_of_uri
from gateway.pki.names import AttributeTypeAndValue, GeneralName, GeneralNameType, Name
from gateway.policy.expected import Expected
from gateway.requester import Requester

T = TypeVar("T", AttributeTypeAndValue, GeneralName)

_SUBJECT_TYPES_OF_ANY_CASE = frozenset({"emailAddress", "domainComponent"})
_NAME_TYPES_OF_ANY_CASE = frozenset(
    {GeneralNameType.DNS_NAME, GeneralNameType.RFC822_NAME, GeneralNameType.USER_PRINCIPAL_NAME}
)
_DIRECTORY_TYPES = {
    "cn": "commonName",
    "ou": "organizationalUnitName",
    "dc": "domainComponent",
    "o": "organizationName",
    "l": "localityName",
    "st": "stateOrProvinceName",
    "c": "countryName",
    "street": "streetAddress",
    "uid": "userId",
}
"""As Active Directory writes them in a distinguishedName (RFC 4514 3), and their X.520 names."""


@dataclass(frozen=True, slots=True)
class Strangers:
    """The names of a certificate that are neither asked for nor the account's."""

    subject: Name
    subject_alternative_name: tuple[GeneralName, ...]


def strangers(certificate: Certificate, expected: Expected, requester: Requester) -> Strangers:
    """URIs that state a SID are no names here: SIDs are judged by themselves."""
    attributes = certificate.subject.attributes()
    names = tuple(name for name in certificate.subject_alternative_name if not _states_security_identifier(name))
    if expected.template.enrollee_supplies_subject:
        return Strangers(
            _name(_beyond(attributes, expected.subject.attributes())),
            tuple(_beyond(names, expected.subject_alternative_name)),
        )
    # What an enrollment agent asks for is for somebody else, whom the gateway does not know.
    own = _Own() if expected.requester_name is not None else _own(requester)
    return Strangers(
        _name(a for a in attributes if (a.type, a.value.casefold()) not in own.subject),
        tuple(name for name in names if (name.type, name.value.casefold()) not in own.subject_alternative_name),
    )


def _states_security_identifier(name: GeneralName) -> bool:
    is_uri = name.type is GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER
    return is_uri and security_identifier_of_uri(name.value) is not None


def _name(attributes: Iterable[AttributeTypeAndValue]) -> Name:
    return Name(tuple((attribute,) for attribute in attributes))


def _beyond(found: Iterable[T], asked_for: Iterable[T]) -> Iterator[T]:
    """Each that does not stand among what was asked for, or more often than there. CAs change the order."""
    left = Counter(map(_compared, asked_for))
    for item in found:
        key = _compared(item)
        if left[key]:
            left[key] -= 1
        else:
            yield item


def _compared(item: AttributeTypeAndValue | GeneralName) -> Hashable:
    in_any_case = item.type in _SUBJECT_TYPES_OF_ANY_CASE or item.type in _NAME_TYPES_OF_ANY_CASE
    return item.type, item.value.casefold() if in_any_case else item.value


@dataclass(frozen=True, slots=True)
class _Own:
    """What may be written of an account, in folded case: the directory disregards it."""

    subject: frozenset[tuple[str, str]] = frozenset()
    subject_alternative_name: frozenset[tuple[str, str]] = frozenset()


def _own(requester: Requester) -> _Own:
    account = requester.directory_account
    if account is None:
        # All that is known is the name with which the CA was reached, or which the CA will have looked up.
        return _Own(subject_alternative_name=_texts((GeneralNameType.USER_PRINCIPAL_NAME, requester.account)))
    return _Own(
        subject=_texts(
            *(("commonName", name) for name in _common_names(account)),
            ("emailAddress", account.mail),
            *_components(account.distinguished_name),
        ),
        subject_alternative_name=_texts(
            (GeneralNameType.DNS_NAME, account.dns_host_name),
            (GeneralNameType.RFC822_NAME, account.mail),
            (GeneralNameType.USER_PRINCIPAL_NAME, account.user_principal_name),
            # The implicit one, which every account has ([MS-ADTS] 5.1.1.1.1).
            (GeneralNameType.USER_PRINCIPAL_NAME, account.name),
        ),
    )


def _common_names(account: Account) -> tuple[str | None, ...]:
    return account.common_name, account.display_name, account.sam_account_name, account.dns_host_name


def _components(distinguished_name: str) -> Iterator[tuple[str, str]]:
    try:
        rdns = parse_distinguished_name(distinguished_name)
    except ValueError:
        return
    for rdn in rdns:
        yield from ((_DIRECTORY_TYPES.get(kind, kind), value) for kind, value in rdn)


def _texts(*pairs: tuple[str, str | None]) -> frozenset[tuple[str, str]]:
    return frozenset((kind, text.casefold()) for kind, text in pairs if text)
