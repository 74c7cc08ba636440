"""The sections about signers as they are written, `renewal` and `onBehalfOf`, and their translation."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.policy.name_sections import ConstantPattern
from gateway.policy.names import NameRule
from gateway.policy.on_behalf_of import OnBehalfOfTerms
from gateway.policy.renewal import RenewalTerms
from gateway.policy.sections import ObjectIdentifier, PlainText, Section, Some, is_object_identifier
from gateway.policy.signers import Owner
from gateway.policy.vocabulary import ANY_USAGE, EXTENDED_KEY_USAGES

_LONGEST_REQUESTER_NAME = 256
"""Characters: a NetBIOS domain name and a sAMAccountName are 36 with the backslash, a userPrincipalName is longer."""


class RenewalSection(Section):
    required: bool = False
    owner: Some[Literal["clientCertificate", "securityIdentifier", "names"]]
    without_signature: bool = False

    @model_validator(mode="after")
    def _without_signature(self) -> Self:
        if self.without_signature and not self.required:
            raise ValueError("withoutSignature needs required: true, or else new requests pass that renew nothing")
        if self.without_signature and Owner.CLIENT_CERTIFICATE not in self.owner:
            raise ValueError("withoutSignature needs the owner clientCertificate: it is the one that is renewed")
        return self

    def terms(self) -> RenewalTerms:
        return RenewalTerms(frozenset(map(Owner, self.owner)), self.required, self.without_signature)


def extended_key_usage(text: str) -> str:
    """For validators: the object identifier of a usage that is named or numbered."""
    oid = EXTENDED_KEY_USAGES.get(text, text)
    if oid in ANY_USAGE:
        raise ValueError(f"{ANY_USAGE[oid]} limits nothing: name the usages")
    if not is_object_identifier(oid):
        raise ValueError(f"no extended key usage: write one of {', '.join(EXTENDED_KEY_USAGES)}, or dotted numbers")
    return oid


class AgentSection(Section):
    extended_key_usage: Some[Annotated[str, AfterValidator(extended_key_usage)]]
    certificate_policies: Some[ObjectIdentifier] = ()
    issuers: Some[PlainText] = ()


class RequesterNameSection(Section):
    """Names of accounts, which are the same in any case."""

    allow: Some[ConstantPattern]
    deny: Some[ConstantPattern] = ()

    def name_rule(self) -> NameRule:
        return NameRule(
            allow=tuple(section.pattern(ignore_case=True, anywhere=False) for section in self.allow),
            deny=tuple(section.pattern(ignore_case=True, anywhere=True) for section in self.deny),
            max_length=_LONGEST_REQUESTER_NAME,
        )


class OnBehalfOfSection(Section):
    agent: AgentSection
    requester_name: RequesterNameSection
    signatures: Annotated[int, Field(ge=1, le=10)] = 1

    def terms(self) -> OnBehalfOfTerms:
        return OnBehalfOfTerms(
            requester_name=self.requester_name.name_rule(),
            extended_key_usage=frozenset(self.agent.extended_key_usage),
            certificate_policies=frozenset(self.agent.certificate_policies),
            issuers=frozenset(self.agent.issuers) if self.agent.issuers else None,
            signatures=self.signatures,
        )
