"""A policy file as it is written, and its translation into the values that judge."""

from collections.abc import Set as AbstractSet
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

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
    CertificatePoliciesCondition,
    ExtendedKeyUsageCondition,
    ExtensionsCondition,
    KeyUsageCondition,
)
from gateway.policy.decision import Mode, Rule, Template
from gateway.policy.examples import ExampleSection
from gateway.policy.issued_sections import IssuedSection
from gateway.policy.key_archival import KeyArchivalCondition
from gateway.policy.key_condition import KeyCondition
from gateway.policy.key_sections import KeySection
from gateway.policy.limits import Limits
from gateway.policy.name_sections import SubjectAlternativeNameSection, SubjectSection
from gateway.policy.names import SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.on_behalf_of import OnBehalfOfCondition
from gateway.policy.renewal import RenewalCondition
from gateway.policy.requester_sections import RequesterSection
from gateway.policy.requesters import RequestersCondition
from gateway.policy.sections import Given, ObjectIdentifier, PlainText, Section, Some, is_object_identifier
from gateway.policy.security_identifier import SecurityIdentifierCondition
from gateway.policy.signer_sections import OnBehalfOfSection, RenewalSection, extended_key_usage
from gateway.policy.validity import ValidityCondition
from gateway.policy.vocabulary import (
    ANY_CERTIFICATE_POLICY,
    EXTENSIONS,
    JUDGED_EXTENSIONS,
    REFUSED_EXTENSIONS,
    RESERVED_TEMPLATES,
    VALIDITY_ATTRIBUTES,
)

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


class ExtendedKeyUsageSection(Section):
    """Holds for the application policies too."""

    allow: Some[Annotated[str, AfterValidator(extended_key_usage)]]


def _certificate_policy(oid: str) -> str:
    if oid == ANY_CERTIFICATE_POLICY:
        raise ValueError("anyPolicy limits nothing: name the policies")
    return oid


class CertificatePoliciesSection(Section):
    allow: Some[Annotated[ObjectIdentifier, AfterValidator(_certificate_policy)]]


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
    certificate_policies: Given[CertificatePoliciesSection] = None
    security_identifier: Given[Literal["requester"]] = None
    """That of the requester's own account."""
    extensions: Some[Annotated[str, AfterValidator(_unjudged_extension)]] = ()
    renewal: Given[RenewalSection] = None
    on_behalf_of: Given[OnBehalfOfSection] = None
    request_attributes: Given[RequestAttributesSection] = None
    validity: Given[ValiditySection] = None
    client_information: Given[ClientInformationSection] = None
    key_archival: Given[Literal["allowed", "required"]] = None
    conditions: Some[ConditionSection] = ()

    @model_validator(mode="after")
    def _one_purpose_of_signers(self) -> Self:
        if self.renewal and self.on_behalf_of:
            raise ValueError("a rule is about renewals or about requests on behalf of others: make two of it")
        return self

    def rule(self, blocked_keys: AbstractSet[bytes] = frozenset()) -> Rule:
        """Every condition is in every rule: what a section would have to allow is refused where it is missing."""
        subject = SubjectCondition({field: section.name_rule() for field, section in (self.subject or {}).items()})
        section = self.subject_alternative_name
        names = section.condition() if section else SubjectAlternativeNameCondition({})
        attributes = request_attributes_condition(self.request_attributes)
        maximum_validity = self.validity.maximum() if self.validity else None
        return Rule(
            self.name,
            RequestersCondition(tuple(requester.admitted() for requester in self.requesters)),
            (
                KeyCondition(tuple(key.key_rule() for key in self.key), blocked_keys),
                subject,
                names,
                KeyUsageCondition(frozenset(self.key_usage.allow if self.key_usage else ())),
                ExtendedKeyUsageCondition(frozenset(self.extended_key_usage.allow if self.extended_key_usage else ())),
                CertificatePoliciesCondition(
                    frozenset(self.certificate_policies.allow if self.certificate_policies else ())
                ),
                SecurityIdentifierCondition(self.security_identifier is not None),
                ExtensionsCondition(frozenset(self.extensions)),
                attributes,
                PKCS10AttributesCondition(),
                ValidityCondition(maximum_validity),
                self.client_information.condition() if self.client_information else ClientInformationCondition({}),
                KeyArchivalCondition(self.key_archival),
                OnBehalfOfCondition(self.on_behalf_of.terms() if self.on_behalf_of else None),
                CelCondition(tuple(condition.condition() for condition in self.conditions)),
            ),
            maximum_validity=maximum_validity,
            limits=self._limits(),
            attributes=frozenset(attributes.allowed) | (VALIDITY_ATTRIBUTES if maximum_validity else frozenset()),
            template_conditions=(RenewalCondition(self.renewal.terms() if self.renewal else None, subject, names),),
            renewals_only=self.renewal is not None and self.renewal.required,
        )

    def _limits(self) -> Limits:
        return Limits(
            key_usage=frozenset(self.key_usage.allow if self.key_usage else ()),
            extended_key_usage=frozenset(self.extended_key_usage.allow if self.extended_key_usage else ()),
            certificate_policies=frozenset(self.certificate_policies.allow if self.certificate_policies else ()),
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
    mode: Mode = Mode.ENFORCE
    rules: Some[RuleSection]
    issued: Given[IssuedSection] = None
    collectors: Some[RequesterSection] = ()
    """Who may ask after pending requests of others, and is allowed the same by a rule."""
    examples: Some[ExampleSection] = ()
    """For `ces-gateway policy test`: nothing is judged by them."""
