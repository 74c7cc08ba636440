"""The sections about names and patterns as they are written, and their translation into the values that judge."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Annotated, Generic, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from gateway.pki import oids
from gateway.pki.names import GeneralNameType
from gateway.policy.identity import IDENTITY
from gateway.policy.names import NameRule, SubjectAlternativeNameCondition
from gateway.policy.patterns import Cidr, Exact, ExactName, NameRegex, OfRequester, Pattern, Regex, Suffix
from gateway.policy.sections import Given, PlainText, Section, Some, is_object_identifier, not_empty
from gateway.policy.vocabulary import REFUSED_NAMES, SUBJECT_FIELDS


def _makes(kind: Callable[[str], object]) -> AfterValidator:
    """Texts that this kind of pattern can be made of."""

    def check(text: str) -> str:
        kind(text)
        return text

    return AfterValidator(check)


class PatternSection(Section, ABC):
    """A mapping with exactly one key: the kind of the pattern."""

    @abstractmethod
    def pattern(self, *, ignore_case: bool, anywhere: bool) -> Pattern:
        """Both flags are set for a pattern that denies, which is read widely: see `gateway.policy.patterns`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            kinds = ", ".join(field.alias or name for name, field in type(self).model_fields.items())
            raise ValueError(f"a pattern is exactly one of {kinds}")
        return self


class ConstantPattern(PatternSection):
    """What a text is compared with, whoever asks."""

    exact: PlainText = ""
    exact_ignore_case: PlainText = ""
    regex: Annotated[PlainText, _makes(Regex)] = ""

    def pattern(self, *, ignore_case: bool, anywhere: bool) -> Pattern:
        if self.exact:
            return Exact(self.exact, ignore_case)
        if self.exact_ignore_case:
            return Exact(self.exact_ignore_case, ignore_case=True)
        return Regex(self.regex, ignore_case, anywhere=anywhere)


class AccountPattern(ConstantPattern):
    """Where the text may be an account, or a DNS name."""

    suffix: Annotated[str, _makes(Suffix)] = ""

    def pattern(self, *, ignore_case: bool, anywhere: bool) -> Pattern:
        if self.suffix:
            return Suffix(self.suffix, of_any_text=anywhere)
        return super().pattern(ignore_case=ignore_case, anywhere=anywhere)


def _identity(word: str) -> str:
    if word not in IDENTITY:
        raise ValueError(f"nothing that a requester is: write one of {', '.join(IDENTITY)}")
    return word


class TextPattern(ConstantPattern):
    """What a request says is compared with this."""

    requester: Annotated[str, AfterValidator(_identity)] = ""

    def pattern(self, *, ignore_case: bool, anywhere: bool) -> Pattern:
        if self.requester:
            return OfRequester(self.requester)
        return super().pattern(ignore_case=ignore_case, anywhere=anywhere)


class NamePattern(TextPattern, AccountPattern):
    """Where the text may be a DNS name, or an account at one."""


class DirectoryNamePattern(PatternSection):
    """Where the text is a distinguished name as RFC 4514 has it."""

    exact: Annotated[PlainText, _makes(ExactName)] = ""
    exact_ignore_case: Annotated[PlainText, _makes(ExactName)] = ""
    regex: Annotated[PlainText, _makes(Regex)] = ""

    def pattern(self, *, ignore_case: bool, anywhere: bool) -> Pattern:
        if self.exact:
            return ExactName(self.exact, ignore_case)
        if self.exact_ignore_case:
            return ExactName(self.exact_ignore_case, ignore_case=True)
        regex = Regex(self.regex, ignore_case, anywhere=anywhere)
        return regex if anywhere else NameRegex(regex)


class AddressPattern(PatternSection):
    exact: Annotated[str, _makes(ip_address)] = ""
    cidr: Annotated[str, _makes(Cidr.parse)] = ""

    def pattern(self, *, ignore_case: bool, anywhere: bool) -> Pattern:  # noqa: ARG002 -- addresses have one reading
        return Cidr.parse(self.exact or self.cidr)


P = TypeVar("P", bound=PatternSection)


class NameSection(Section, Generic[P]):
    """One field of a name. The defaults are those of TameMyCerts."""

    allow: Some[P]
    deny: Some[P] = ()
    mandatory: bool = False
    max_occurrences: Annotated[int, Field(ge=1)] = 1
    min_length: Annotated[int, Field(ge=0)] = 1
    max_length: Annotated[int, Field(ge=1)] = 128

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if self.min_length > self.max_length:
            raise ValueError("minLength is greater than maxLength")
        return self

    def name_rule(self, *, ignore_case: bool = False) -> NameRule:
        return NameRule(
            allow=tuple(section.pattern(ignore_case=ignore_case, anywhere=False) for section in self.allow),
            deny=tuple(section.pattern(ignore_case=True, anywhere=True) for section in self.deny),
            mandatory=self.mandatory,
            max_occurrences=self.max_occurrences,
            min_length=self.min_length,
            max_length=self.max_length,
        )


def _subject_field(name: str) -> str:
    oid = name.removeprefix("OID.")
    if name in SUBJECT_FIELDS.values():
        return name
    if name == oid or not is_object_identifier(oid):
        raise ValueError(f"no field of a subject: write one of {', '.join(SUBJECT_FIELDS.values())}, or OID.1.2.3")
    if oid in SUBJECT_FIELDS:
        raise ValueError(f"write {SUBJECT_FIELDS[oid]}")
    return name


SubjectField = Annotated[str, AfterValidator(_subject_field)]
SubjectSection = dict[SubjectField, NameSection[NamePattern]]


def _other_name_type(oid: str) -> str:
    if not is_object_identifier(oid):
        raise ValueError("no type of otherName: write its object identifier in dotted numbers")
    if oid == oids.NT_PRINCIPAL_NAME:
        raise ValueError(f"write {GeneralNameType.USER_PRINCIPAL_NAME}")
    if oid in REFUSED_NAMES:
        raise ValueError("is always refused")
    return oid


OtherNameSection = dict[Annotated[str, AfterValidator(_other_name_type)], NameSection[TextPattern]]


class SubjectAlternativeNameSection(Section):
    """The general names that can be allowed. x400Address and ediPartyName cannot: nobody can read them."""

    dns_name: Given[NameSection[NamePattern]] = Field(None, alias="dNSName")
    ip_address: Given[NameSection[AddressPattern]] = Field(None, alias="iPAddress")
    rfc822_name: Given[NameSection[NamePattern]] = Field(None, alias="rfc822Name")
    uniform_resource_identifier: Given[NameSection[TextPattern]] = None
    user_principal_name: Given[NameSection[NamePattern]] = None
    registered_id: Given[NameSection[ConstantPattern]] = Field(None, alias="registeredID")
    directory_name: Given[NameSection[DirectoryNamePattern]] = None
    other_name: Given[OtherNameSection] = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        not_empty(self.model_fields_set)
        return self

    def condition(self) -> SubjectAlternativeNameCondition:
        return SubjectAlternativeNameCondition(dict(self._fields()))

    def _fields(self) -> Iterator[tuple[str, NameRule]]:
        """DNS names (RFC 4343), mail addresses and user principal names (the directory) are the same in any case."""
        if self.dns_name:
            yield GeneralNameType.DNS_NAME, self.dns_name.name_rule(ignore_case=True)
        if self.ip_address:
            yield GeneralNameType.IP_ADDRESS, self.ip_address.name_rule()
        if self.rfc822_name:
            yield GeneralNameType.RFC822_NAME, self.rfc822_name.name_rule(ignore_case=True)
        if self.uniform_resource_identifier:
            yield GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, self.uniform_resource_identifier.name_rule()
        if self.user_principal_name:
            yield GeneralNameType.USER_PRINCIPAL_NAME, self.user_principal_name.name_rule(ignore_case=True)
        if self.registered_id:
            yield GeneralNameType.REGISTERED_ID, self.registered_id.name_rule()
        if self.directory_name:
            yield GeneralNameType.DIRECTORY_NAME, self.directory_name.name_rule()
        for oid, section in (self.other_name or {}).items():
            yield f"{GeneralNameType.OTHER_NAME} {oid}", section.name_rule()
