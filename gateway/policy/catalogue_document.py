"""The catalogue's file, from text and to text. By hand it is YAML; the gateway writes JSON, which is YAML too.

Keys are the elements of [MS-XCEP] 3.1.4.1.3, flags the words of [MS-CRTD].
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from enum import IntFlag
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from gateway.errors import MalformedMessage
from gateway.pki.certificate import parse_certificate
from gateway.policy.catalogue import LONGEST_PERIOD, Catalogue, CatalogueCA, CatalogueTemplate, Learned
from gateway.policy.sections import ObjectIdentifier, Section
from gateway.policy.template_flags import (
    BITS,
    EnrollmentFlags,
    F,
    GeneralFlags,
    PrivateKeyFlags,
    SubjectNameFlags,
    flags_of,
    words,
)
from gateway.policy.vocabulary import EXTENDED_KEY_USAGES
from gateway.strict_yaml import Document, Mistake, Mistaken, parse

_HEADER = "# Written by ces-gateway. Entries without `source` are yours and stay; comments do not.\n"
_LONGEST_SECONDS = int(LONGEST_PERIOD.total_seconds())

Text = Annotated[str, Field(min_length=1)]
UnsignedInt = Annotated[int, Field(ge=0, lt=2**BITS)]
"""xs:unsignedInt."""
Seconds = Annotated[int, Field(ge=0, le=_LONGEST_SECONDS)]


def _usage(text: object) -> object:
    return EXTENDED_KEY_USAGES.get(text, text) if isinstance(text, str) else text


Usage = Annotated[ObjectIdentifier, BeforeValidator(_usage)]
"""A word of the policies' vocabulary, or dotted numbers."""


def _words_of(kind: type[IntFlag]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        flags_of(kind, names)
        return names

    return check


def _certificate(text: str) -> str:
    try:
        parse_certificate(base64.b64decode(text, validate=True))
    except (binascii.Error, MalformedMessage) as error:
        raise ValueError(f"no certificate in base64: {error}") from error
    return text


class SourceSection(Section):
    """Left out of what is configured by hand."""

    service: Text
    at: AwareDatetime

    def learned(self) -> Learned:
        return Learned(self.service, self.at.astimezone(UTC))


class TemplateEntry(Section):
    common_name: Text
    oid: ObjectIdentifier
    default_name: str | None = None
    policy_schema: UnsignedInt | None = None
    validity_period_seconds: Seconds | None = None
    renewal_period_seconds: Seconds | None = None
    minimal_key_length: UnsignedInt | None = None
    major_revision: UnsignedInt | None = None
    minor_revision: UnsignedInt | None = None
    private_key_flags: Annotated[tuple[str, ...], AfterValidator(_words_of(PrivateKeyFlags))] | None = None
    subject_name_flags: Annotated[tuple[str, ...], AfterValidator(_words_of(SubjectNameFlags))] | None = None
    enrollment_flags: Annotated[tuple[str, ...], AfterValidator(_words_of(EnrollmentFlags))] | None = None
    general_flags: Annotated[tuple[str, ...], AfterValidator(_words_of(GeneralFlags))] | None = None
    ra_signatures: Annotated[UnsignedInt | None, Field(alias="rASignatures")] = None
    extended_key_usage: tuple[Usage, ...] | None = None
    application_policies: tuple[Usage, ...] | None = None
    cas: Annotated[tuple[Text, ...] | None, Field(alias="cAs")] = None
    source: SourceSection | None = None

    def template(self) -> CatalogueTemplate:
        return CatalogueTemplate(
            common_name=self.common_name,
            oid=self.oid,
            default_name=self.default_name,
            policy_schema=self.policy_schema,
            validity_period=_period(self.validity_period_seconds),
            renewal_period=_period(self.renewal_period_seconds),
            minimal_key_length=self.minimal_key_length,
            major_revision=self.major_revision,
            minor_revision=self.minor_revision,
            private_key_flags=_flags(PrivateKeyFlags, self.private_key_flags),
            subject_name_flags=_flags(SubjectNameFlags, self.subject_name_flags),
            enrollment_flags=_flags(EnrollmentFlags, self.enrollment_flags),
            general_flags=_flags(GeneralFlags, self.general_flags),
            ra_signatures=self.ra_signatures,
            extended_key_usage=self.extended_key_usage,
            application_policies=self.application_policies,
            cas=self.cas,
            source=self.source.learned() if self.source is not None else None,
        )


class CAEntry(Section):
    common_name: Text
    certificate: Annotated[str, AfterValidator(_certificate)]
    """DER in base64."""
    source: SourceSection | None = None

    def ca(self) -> CatalogueCA:
        source = self.source.learned() if self.source is not None else None
        return CatalogueCA(self.common_name, base64.b64decode(self.certificate), source)


class CatalogueDocument(Section):
    """A whole file."""

    templates: tuple[TemplateEntry, ...] = ()
    cas: Annotated[tuple[CAEntry, ...], Field(alias="cAs")] = ()


def read_catalogue(text: str, file: object) -> Catalogue:
    """The catalogue of a file's text; mistakes call it as `file` prints. Raises Mistaken with every mistake."""
    document = parse(text, file)
    content = document.validate(CatalogueDocument)
    if mistakes := tuple(_repetitions(document, content)):
        raise Mistaken(mistakes)
    return Catalogue(tuple(entry.template() for entry in content.templates), tuple(entry.ca() for entry in content.cas))


def _repetitions(document: Document, content: CatalogueDocument) -> Iterator[Mistake]:
    seen: set[str] = set()
    for n, entry in enumerate(content.templates):
        if entry.oid in seen:
            yield document.mistake(("templates", n, "oid"), "another template has this object identifier")
        seen.add(entry.oid)


def write_catalogue(catalogue: Catalogue) -> str:
    """The text that `read_catalogue` reads as the same catalogue."""
    content = CatalogueDocument.model_construct(
        templates=tuple(map(_template_entry, catalogue.templates)), cas=tuple(map(_ca_entry, catalogue.cas))
    )
    fields = content.model_dump(mode="json", by_alias=True, exclude_none=True)
    text = json.dumps(fields, ensure_ascii=False, indent=1)
    return f"{_HEADER}{_NOT_IN_YAML.sub(_escaped, text)}\n"


# YAML 1.1 allows fewer characters than JSON; both know the escape (YAML 1.1 5.1). None of them is beyond the BMP.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _template_entry(template: CatalogueTemplate) -> TemplateEntry:
    return TemplateEntry.model_construct(
        common_name=template.common_name,
        oid=template.oid,
        default_name=template.default_name,
        policy_schema=template.policy_schema,
        validity_period_seconds=_seconds(template.validity_period),
        renewal_period_seconds=_seconds(template.renewal_period),
        minimal_key_length=template.minimal_key_length,
        major_revision=template.major_revision,
        minor_revision=template.minor_revision,
        private_key_flags=_words(template.private_key_flags),
        subject_name_flags=_words(template.subject_name_flags),
        enrollment_flags=_words(template.enrollment_flags),
        general_flags=_words(template.general_flags),
        ra_signatures=template.ra_signatures,
        extended_key_usage=template.extended_key_usage,
        application_policies=template.application_policies,
        cas=template.cas,
        source=_source(template.source),
    )


def _ca_entry(ca: CatalogueCA) -> CAEntry:
    certificate = base64.b64encode(ca.certificate).decode()
    return CAEntry.model_construct(common_name=ca.common_name, certificate=certificate, source=_source(ca.source))


def _source(source: Learned | None) -> SourceSection | None:
    return None if source is None else SourceSection.model_construct(service=source.service, at=source.at)


def _period(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _seconds(period: timedelta | None) -> int | None:
    return None if period is None else int(period.total_seconds())


def _flags(kind: type[F], names: tuple[str, ...] | None) -> F | None:
    return None if names is None else flags_of(kind, names)


def _words(flags: IntFlag | None) -> tuple[str, ...] | None:
    return None if flags is None else words(flags)
