"""The section `issued` of a policy file as it is written: what the CA may put into its certificates by itself."""

from pydantic import Field, model_validator

from gateway.pki.names import GeneralNameType
from gateway.policy.expected import NO_NAMES, IssuedRule, SecurityIdentifier
from gateway.policy.name_sections import SubjectAlternativeNameSection, SubjectSection, TextPattern
from gateway.policy.names import NameRule, SubjectAlternativeNameCondition, SubjectCondition
from gateway.policy.sections import Given, Section, Some, not_empty

_MOST_LOCATIONS = 16
_LONGEST_LOCATION = 2048
"""Characters: an LDAP URL of a CRL has some 300."""


class LocationsSection(Section):
    """URIs that the CA writes into a certificate. Where the section stands, there must be at least one."""

    allow: Some[TextPattern]

    def condition(self) -> SubjectAlternativeNameCondition:
        allow = tuple(section.pattern(ignore_case=False, anywhere=False) for section in self.allow)
        rule = NameRule(allow, mandatory=True, max_occurrences=_MOST_LOCATIONS, max_length=_LONGEST_LOCATION)
        return SubjectAlternativeNameCondition({GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER: rule})


class IssuedSection(Section):
    """Names are judged as in a rule; those that were asked for, or are the account's, need no entry."""

    subject: Given[SubjectSection] = None
    subject_alternative_name: Given[SubjectAlternativeNameSection] = None
    security_identifier: Given[SecurityIdentifier] = None
    crl_distribution_points: Given[LocationsSection] = Field(None, alias="crlDistributionPoints")
    authority_information_access: Given[LocationsSection] = None

    @model_validator(mode="after")
    def _some(self) -> "IssuedSection":
        not_empty(self.model_fields_set)
        return self

    def rule(self) -> IssuedRule:
        names, points, access = (
            self.subject_alternative_name,
            self.crl_distribution_points,
            self.authority_information_access,
        )
        return IssuedRule(
            SubjectCondition({field: section.name_rule() for field, section in (self.subject or {}).items()}),
            names.condition() if names else NO_NAMES,
            self.security_identifier,
            points.condition() if points else None,
            access.condition() if access else None,
        )
