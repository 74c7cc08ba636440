"""The section about requesters as it is written, and its translation into the condition that judges."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Tag, model_validator

from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.policy.name_sections import AccountPattern, DirectoryNamePattern
from gateway.policy.requesters import AdmittedRequester, Groups, OrganizationalUnits
from gateway.policy.sections import Given, PlainText, Section, Some


def _kind(value: object) -> str:
    return "name" if isinstance(value, str) else "pattern"


def _distinguished_name(text: str) -> str:
    parse_distinguished_name(text)
    return text


DistinguishedNameText = Annotated[PlainText, AfterValidator(_distinguished_name)]


Account = Annotated[Annotated[PlainText, Tag("name")] | Annotated[AccountPattern, Tag("pattern")], Discriminator(_kind)]
Issuer = Annotated[
    Annotated[DistinguishedNameText, Tag("name")] | Annotated[DirectoryNamePattern, Tag("pattern")],
    Discriminator(_kind),
]


class RequesterSection(Section):
    """Who, and with which kind of credential. A plain text in the place of a pattern is short for `exact`."""

    account: Given[Account] = None
    """Accounts are the same in any case."""
    issuer: Given[Issuer] = None
    groups: Some[PlainText] = ()
    organizational_units: Some[DistinguishedNameText] = ()
    partner: Given[PlainText] = None
    not_groups: Some[PlainText] = ()
    not_organizational_units: Some[DistinguishedNameText] = ()
    authentication: Some[Literal["UsernamePassword", "Certificate", "Kerberos"]]

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.account or self.issuer or self.groups or self.organizational_units or self.partner):
            raise ValueError("needs account, issuer, groups, organizationalUnits or partner")
        return self

    def admitted(self) -> AdmittedRequester:
        account = AccountPattern(exact=self.account) if isinstance(self.account, str) else self.account
        issuer = DirectoryNamePattern(exact=self.issuer) if isinstance(self.issuer, str) else self.issuer
        return AdmittedRequester(
            account=account.pattern(ignore_case=True, anywhere=False) if account else None,
            authentication=frozenset(self.authentication),
            issuer=issuer.pattern(ignore_case=False, anywhere=False) if issuer else None,
            groups=_groups(self.groups),
            organizational_units=_organizational_units(self.organizational_units),
            partner=self.partner,
            not_groups=_groups(self.not_groups),
            not_organizational_units=_organizational_units(self.not_organizational_units),
        )


def _groups(names: tuple[str, ...]) -> Groups | None:
    return Groups(frozenset(names)) if names else None


def _organizational_units(names: tuple[str, ...]) -> OrganizationalUnits | None:
    return OrganizationalUnits(names) if names else None
