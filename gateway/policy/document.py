"""A policy file as it is written, and its translation into the values that judge."""

from collections.abc import Set as AbstractSet
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Tag

from gateway.policy.attribute_sections import (
    ClientInformationSection,
    RequestAttributesSection,
    ValiditySection,
    request_attributes_condition,
)
from gateway.policy.attributes import PKCS10AttributesCondition
from gateway.policy.cel import CelCondition
from gateway.policy.client_information import ClientInformationCondition
from gateway.policy.condition_sections import ConditionSection
from gateway.policy.conditions import (
    AdmittedRequester,
    ExtendedKeyUsageCondition,
    ExtensionsCondition,
    KeyUsageCondition,
    RequestersCondition,
)
from gateway.policy.decision import Mode, Rule, Template
from gateway.policy.key_archival import KeyArchivalCondition
from gateway.policy.key_condition import KeyCondition
from gateway.policy.key_sections import KeySection
from gateway.policy.name_sections import NamePattern, SubjectAlternativeNameSection, SubjectSection
from gateway.policy.names import SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.sections import Given, ObjectIdentifier, PlainText, Section, Some, is_object_identifier
from gateway.policy.validity import ValidityCondition
from gateway.policy.vocabulary import (
    ANY_USAGE,
    EXTENDED_KEY_USAGES,
    EXTENSIONS,
    JUDGED_EXTENSIONS,
    REFUSED_EXTENSIONS,
    RESERVED_TEMPLATES,
    VALIDITY_ATTRIBUTES,
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
    request_attributes: Given[RequestAttributesSection] = None
    validity: Given[ValiditySection] = None
    client_information: Given[ClientInformationSection] = None
    key_archival: Given[Literal["allowed", "required"]] = None
    conditions: Some[ConditionSection] = ()

    def rule(self, blocked_keys: AbstractSet[bytes] = frozenset()) -> Rule:
        """Every condition is in every rule: what a section would have to allow is refused where it is missing."""
        subject = {field: section.name_rule() for field, section in (self.subject or {}).items()}
        names = self.subject_alternative_name
        attributes = request_attributes_condition(self.request_attributes)
        maximum_validity = self.validity.maximum() if self.validity else None
        return Rule(
            self.name,
            RequestersCondition(tuple(requester.admitted() for requester in self.requesters)),
            (
                KeyCondition(tuple(key.key_rule() for key in self.key), blocked_keys),
                SubjectCondition(subject),
                names.condition() if names else SubjectAlternativeNameCondition({}),
                KeyUsageCondition(frozenset(self.key_usage.allow if self.key_usage else ())),
                ExtendedKeyUsageCondition(frozenset(self.extended_key_usage.allow if self.extended_key_usage else ())),
                ExtensionsCondition(frozenset(self.extensions)),
                attributes,
                PKCS10AttributesCondition(),
                ValidityCondition(maximum_validity),
                self.client_information.condition() if self.client_information else ClientInformationCondition({}),
                KeyArchivalCondition(self.key_archival),
                CelCondition(tuple(condition.condition() for condition in self.conditions)),
            ),
            maximum_validity=maximum_validity,
            attributes=frozenset(attributes.allowed) | (VALIDITY_ATTRIBUTES if maximum_validity else frozenset()),
        )


def _template_name(name: str) -> str:
    if name.lower() in RESERVED_TEMPLATES:
        raise ValueError("a CA makes a subordinate CA's certificate for this name: no policy can approve it")
    return name


class TemplateSection(Section):
    name: Annotated[PlainText, AfterValidator(_template_name)]
    oid: Given[ObjectIdentifier] = None

    def template(self) -> Template:
        return Template(self.name, self.oid)


class PolicyDocument(Section):
    """A whole file: what may be issued from one certificate template."""

    template: TemplateSection
    description: str = ""
    """For people."""
    mode: Mode = Mode.ENFORCE
    rules: Some[RuleSection]
