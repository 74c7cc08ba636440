"""The sections about attributes and client information as they are written, and their translation."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.policy.attributes import ATTRIBUTE_NAME, MACHINE_NAMES, RequestAttributesCondition
from gateway.policy.client_information import ClientInformationCondition, ClientInformationField
from gateway.policy.name_sections import NamePattern, NameSection
from gateway.policy.sections import Given, Section, Some, not_empty
from gateway.policy.vocabulary import FORBIDDEN_ATTRIBUTES, VALIDITY_ATTRIBUTES


def _attribute_name(name: str) -> str:
    normalised = name.casefold()
    if not ATTRIBUTE_NAME.fullmatch(name):
        raise ValueError(
            "no name of an attribute: letters and digits, without the blanks and minus signs that a CA drops"
        )
    if normalised in FORBIDDEN_ATTRIBUTES:
        raise ValueError(f"no policy can allow this attribute: it {FORBIDDEN_ATTRIBUTES[normalised]}")
    if normalised in VALIDITY_ATTRIBUTES:
        raise ValueError("write `validity`")
    return name


def _different_names(section: dict[str, NameSection[NamePattern]]) -> dict[str, NameSection[NamePattern]]:
    if len({name.casefold() for name in section}) < len(section):
        raise ValueError("the same name in another case: a CA takes them for one")
    return section


RequestAttributesSection = Annotated[
    dict[Annotated[str, AfterValidator(_attribute_name)], NameSection[NamePattern]], AfterValidator(_different_names)
]


def request_attributes_condition(section: Mapping[str, NameSection[NamePattern]] | None) -> RequestAttributesCondition:
    """What client machines tell about themselves is allowed where the section says nothing of it."""
    written = {name.casefold(): entry.name_rule() for name, entry in (section or {}).items()}
    return RequestAttributesCondition({**MACHINE_NAMES, **written})


class ValiditySection(Section):
    maximum_days: Annotated[int, Field(ge=1, le=36525)]
    """A hundred years at most: what is longer is a slip of the pen."""

    def maximum(self) -> timedelta:
        return timedelta(days=self.maximum_days)


class ClientInformationFieldSection(Section):
    allow: Some[NamePattern] = ()
    deny: Some[NamePattern] = ()
    mandatory: bool = False

    @model_validator(mode="after")
    def _some(self) -> Self:
        not_empty(self.model_fields_set)
        return self

    def field(self) -> ClientInformationField:
        return ClientInformationField(
            allow=tuple(pattern.pattern(ignore_case=False, anywhere=False) for pattern in self.allow),
            deny=tuple(pattern.pattern(ignore_case=True, anywhere=True) for pattern in self.deny),
            mandatory=self.mandatory,
        )


class ClientInformationSection(Section):
    process: Given[ClientInformationFieldSection] = None
    machine: Given[ClientInformationFieldSection] = None
    user: Given[ClientInformationFieldSection] = None
    cryptographic_service_provider: Given[ClientInformationFieldSection] = None
    os_version: Given[ClientInformationFieldSection] = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        not_empty(self.model_fields_set)
        return self

    def condition(self) -> ClientInformationCondition:
        return ClientInformationCondition(
            {
                model_field.alias or name: section.field()
                for name, model_field in type(self).model_fields.items()
                if (section := getattr(self, name)) is not None
            }
        )
