"""A policy file as it is written, and its translation into the values that judge."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from gateway.policy.conditions import (
    AdmittedRequester,
    AttributesCondition,
    ExtendedKeyUsageCondition,
    ExtensionsCondition,
    KeyCondition,
    KeyRule,
    KeyUsageCondition,
    RequestersCondition,
)
from gateway.policy.decision import Rule, Template
from gateway.policy.issued_sections import IssuedSection
from gateway.policy.limits import Limits
from gateway.policy.name_sections import NamePattern, SubjectAlternativeNameSection, SubjectSection
from gateway.policy.names import SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.sections import Given, ObjectIdentifier, PlainText, Section, Some, is_object_identifier
from gateway.policy.vocabulary import (
    ANY_USAGE,
    EXTENDED_KEY_USAGES,
    EXTENSIONS,
    JUDGED_EXTENSIONS,
    REFUSED_EXTENSIONS,
    RESERVED_TEMPLATES,
)


def _kind_of_account(account: object) -> str:
    return "name" if isinstance(account, str) else "pattern"


class RequesterSection(Section):
    account: Annotated[
        Annotated[PlainText, Tag("name")] | Annotated[NamePattern, Tag("pattern")], Discriminator(_kind_of_account)
    ]
    """A plain name is short for `exact`. Accounts are the same in any case."""
    authentication: Some[Literal["UsernamePassword", "Certificate", "Kerberos"]]

    def admitted(self) -> AdmittedRequester:
        account = NamePattern(exact=self.account) if isinstance(self.account, str) else self.account
        return AdmittedRequester(account.pattern(ignore_case=True, anywhere=False), frozenset(self.authentication))


class RSAKeySection(Section):
    algorithm: Literal["RSA"]
    # Shorter keys may be broken within the life of a certificate (NIST SP 800-131A disallows them since 2014).
    minimum_key_length: Annotated[int, Field(ge=2048)]
    maximum_key_length: Given[int] = None

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if self.maximum_key_length is not None and self.maximum_key_length < self.minimum_key_length:
            raise ValueError("maximumKeyLength is less than minimumKeyLength")
        return self

    def key_rule(self) -> KeyRule:
        return KeyRule(self.algorithm, self.minimum_key_length, self.maximum_key_length)


Curve = Literal["secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"]


class ECKeySection(Section):
    algorithm: Literal["EC"]
    curves: Some[Curve]

    def key_rule(self) -> KeyRule:
        return KeyRule(self.algorithm, curves=self.curves)


class EdwardsKeySection(Section):
    algorithm: Literal["Ed25519", "Ed448"]

    def key_rule(self) -> KeyRule:
        return KeyRule(self.algorithm)


KeySection = Annotated[RSAKeySection | ECKeySection | EdwardsKeySection, Field(discriminator="algorithm")]

KeyUsage = Literal[
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "encipherOnly",
    "decipherOnly",
]
"""RFC 5280 4.2.1.3 without keyCertSign and cRLSign, which are a CA's."""


class KeyUsageSection(Section):
    allow: Some[KeyUsage]


def _extended_key_usage(text: str) -> str:
    oid = EXTENDED_KEY_USAGES.get(text, text)
    if oid in ANY_USAGE:
        raise ValueError(f"{ANY_USAGE[oid]} limits nothing: name the usages")
    if not is_object_identifier(oid):
        raise ValueError(f"no extended key usage: write one of {', '.join(EXTENDED_KEY_USAGES)}, or dotted numbers")
    return oid


class ExtendedKeyUsageSection(Section):
    """Holds for the application policies too."""

    allow: Some[Annotated[str, AfterValidator(_extended_key_usage)]]


def _unjudged_extension(text: str) -> str:
    oid = EXTENSIONS.get(text, text)
    if {text, JUDGED_EXTENSIONS.get(oid)}.intersection(JUDGED_EXTENSIONS.values()):
        raise ValueError("is judged elsewhere, and cannot be let through unjudged")
    if {text, REFUSED_EXTENSIONS.get(oid)}.intersection(REFUSED_EXTENSIONS.values()):
        raise ValueError("is always refused")
    if not is_object_identifier(oid):
        raise ValueError(f"no extension: write one of {', '.join(EXTENSIONS)}, or dotted numbers")
    return oid


class RuleSection(Section):
    name: PlainText
    requesters: Some[RequesterSection]
    key: Some[KeySection]
    subject: Given[SubjectSection] = None
    subject_alternative_name: Given[SubjectAlternativeNameSection] = None
    key_usage: Given[KeyUsageSection] = None
    extended_key_usage: Given[ExtendedKeyUsageSection] = None
    extensions: Some[Annotated[str, AfterValidator(_unjudged_extension)]] = ()

    def rule(self) -> Rule:
        """Every condition is in every rule: what a section would have to allow is refused where it is missing."""
        subject = {field: section.name_rule() for field, section in (self.subject or {}).items()}
        names = self.subject_alternative_name
        return Rule(
            self.name,
            RequestersCondition(tuple(requester.admitted() for requester in self.requesters)),
            (
                KeyCondition(tuple(key.key_rule() for key in self.key)),
                SubjectCondition(subject),
                names.condition() if names else SubjectAlternativeNameCondition({}),
                KeyUsageCondition(frozenset(self.key_usage.allow if self.key_usage else ())),
                ExtendedKeyUsageCondition(frozenset(self.extended_key_usage.allow if self.extended_key_usage else ())),
                ExtensionsCondition(frozenset(self.extensions)),
                AttributesCondition(),
            ),
            limits=self._limits(),
        )

    def _limits(self) -> Limits:
        return Limits(
            key_usage=frozenset(self.key_usage.allow if self.key_usage else ()),
            extended_key_usage=frozenset(self.extended_key_usage.allow if self.extended_key_usage else ()),
            extensions=frozenset(self.extensions),
        )


def _template_name(name: str) -> str:
    if name.lower() in RESERVED_TEMPLATES:
        raise ValueError("a CA makes a subordinate CA's certificate for this name: no policy can approve it")
    return name


class TemplateSection(Section):
    name: Annotated[PlainText, AfterValidator(_template_name)]
    oid: Given[ObjectIdentifier] = None
    enrollee_supplies_subject: bool = True

    def template(self) -> Template:
        return Template(self.name, self.oid, self.enrollee_supplies_subject)


class PolicyDocument(Section):
    """A whole file: what may be issued from one certificate template."""

    template: TemplateSection
    description: str = ""
    """For people."""
    rules: Some[RuleSection]
    issued: Given[IssuedSection] = None
