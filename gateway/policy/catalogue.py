"""The template catalogue: what the inside's CEP says of its certificate templates, as a value.

Names and object identifiers lead to policies (`Policies.knowing`), everything else is compared with what the policies
say (`gateway.policy.template_contradictions`). Learned from GetPoliciesResponses ([MS-XCEP] 3.1.4.1.3), or configured.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.errors import MalformedMessage
from gateway.pki import extensions, oids
from gateway.pki.certificate import parse_certificate
from gateway.policy.sections import is_object_identifier
from gateway.policy.template_flags import EnrollmentFlags, F, GeneralFlags, PrivateKeyFlags, SubjectNameFlags
from gateway.protocol.xcep import CA, OID, CertificateEnrollmentPolicy, GetPoliciesResponse

LONGEST_PERIOD = timedelta(days=100 * 366)
"""[MS-XCEP] admits more seconds than a date can be away; what is longer than this is this long."""


@dataclass(frozen=True, slots=True)
class Learned:
    """From where and when the inside has said something for the first time."""

    service: str
    """The configured name of the CEP service."""
    at: datetime
    """Aware, UTC, to the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueTemplate:
    """One certificate template. Fields are those of [MS-XCEP] 3.1.4.1.3.1; None where nobody has said it."""

    common_name: str
    oid: str
    """What policyOIDReference refers to."""
    default_name: str | None = None
    """The display name: defaultName of the same oID."""
    policy_schema: int | None = None
    """The version of the template: 1 to 4."""
    validity_period: timedelta | None = None
    renewal_period: timedelta | None = None
    minimal_key_length: int | None = None
    """Bits, of whatever algorithm."""
    major_revision: int | None = None
    minor_revision: int | None = None
    private_key_flags: PrivateKeyFlags | None = None
    subject_name_flags: SubjectNameFlags | None = None
    enrollment_flags: EnrollmentFlags | None = None
    general_flags: GeneralFlags | None = None
    ra_signatures: int | None = None
    """How many signatures besides the enrollee's own the CA wants; 0 where CEP says nothing of it."""
    extended_key_usage: tuple[str, ...] | None = None
    """Object identifiers, of the extension that the CA puts into the certificate."""
    application_policies: tuple[str, ...] | None = None
    """The same, of Microsoft's extension."""
    cas: tuple[str, ...] | None = None
    """Common names of the CAs that issue it."""
    source: Learned | None = None
    """None: configured, by hand. What CEP says does not change it."""

    @property
    def enrollee_supplies_subject(self) -> bool | None:
        """Whether it is an offline template."""
        if self.subject_name_flags is None:
            return None
        return SubjectNameFlags.ENROLLEE_SUPPLIES_SUBJECT in self.subject_name_flags


@dataclass(frozen=True, slots=True)
class CatalogueCA:
    """A certification authority."""

    common_name: str
    certificate: bytes
    """DER."""
    source: Learned | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A snapshot: `merged` makes the next one."""

    templates: tuple[CatalogueTemplate, ...] = ()
    """Each object identifier once. A name may stand here twice: of two forests, or of a template that was made anew."""
    cas: tuple[CatalogueCA, ...] = ()
    _by_oid: dict[str, CatalogueTemplate] = field(init=False, repr=False, compare=False)
    _by_name: dict[str, tuple[CatalogueTemplate, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name: dict[str, tuple[CatalogueTemplate, ...]] = {}
        for template in self.templates:
            name = template.common_name.casefold()
            by_name[name] = (*by_name.get(name, ()), template)
        object.__setattr__(self, "_by_oid", {template.oid: template for template in self.templates})
        object.__setattr__(self, "_by_name", by_name)

    def of_oid(self, oid: str) -> CatalogueTemplate | None:
        return self._by_oid.get(oid)

    def named(self, common_name: str) -> tuple[CatalogueTemplate, ...]:
        """In any case, as the CA compares."""
        return self._by_name.get(common_name.casefold(), ())

    def common_names(self) -> Mapping[str, str]:
        """Of the templates, by object identifier."""
        return {template.oid: template.common_name for template in self.templates}

    def ca_certificates(self, common_name: str) -> tuple[bytes, ...]:
        """DER of every certificate that the inside gives for the CA of this name."""
        return tuple(dict.fromkeys(ca.certificate for ca in self.cas if ca.common_name == common_name))

    def merged(self, newer: "Catalogue", *, is_complete: bool = False) -> "Catalogue":
        """This, with what a newer answer says. What says the same as before keeps its source, so that nothing changes.

        With `is_complete`, the answer was filtered by nothing: what its service does not name any more is dropped.
        Configured templates stay as they are.
        """
        dropped = {t.source.service for t in newer.templates if t.source is not None} if is_complete else set[str]()
        templates = {
            template.oid: template
            for template in self.templates
            if template.source is None
            or template.source.service not in dropped
            or newer.of_oid(template.oid) is not None
        }
        for template in newer.templates:
            known = templates.get(template.oid)
            if known is None or (known.source is not None and replace(template, source=known.source) != known):
                templates[template.oid] = template
        return Catalogue(tuple(templates.values()), _merged_cas(self.cas, newer.cas))

    def with_configured(self, configured: "Catalogue") -> "Catalogue":
        """This, with the configured entries of another one in the place of its own."""
        theirs = tuple(template for template in configured.templates if template.source is None)
        replaced = {template.oid for template in theirs}
        ours = (t for t in self.templates if t.source is not None and t.oid not in replaced)
        cas = (ca for ca in self.cas if ca.source is not None)
        return Catalogue((*theirs, *ours), (*(ca for ca in configured.cas if ca.source is None), *cas))


def _merged_cas(known: tuple[CatalogueCA, ...], newer: tuple[CatalogueCA, ...]) -> tuple[CatalogueCA, ...]:
    """A service's newer word about a CA of some name replaces its older ones: the CA may have been renewed."""
    said = {(ca.common_name, ca.source.service) for ca in newer if ca.source is not None}
    certificates = {(ca.common_name, ca.certificate) for ca in newer}
    kept = tuple(
        ca
        for ca in known
        if ca.source is None
        or (ca.common_name, ca.source.service) not in said
        or (ca.common_name, ca.certificate) in certificates
    )
    there = {(ca.common_name, ca.certificate) for ca in kept}
    return (*kept, *(ca for ca in newer if (ca.common_name, ca.certificate) not in there))


# --- learning -------------------------------------------------------------------------------------------------------


def learned(response: GetPoliciesResponse, source: Learned) -> Catalogue:
    """What an answer of CEP says. What in it cannot be read, or refers to nothing, is left out.

    An object identifier that stands for two templates stands for neither.
    """
    names = {oid.oid_reference_id: oid for oid in response.oids or ()}
    cas = {ca.ca_reference_id: name for ca in response.cas or () if (name := _common_name(ca)) is not None}
    templates = tuple(
        template
        for policy in response.policies or ()
        if (template := _template(policy, names, cas, source)) is not None
    )
    times = Counter(template.oid for template in templates)
    certificates = {
        (cas[ca.ca_reference_id], ca.certificate): None for ca in response.cas or () if ca.ca_reference_id in cas
    }
    return Catalogue(
        tuple(template for template in templates if times[template.oid] == 1),
        tuple(CatalogueCA(name, certificate, source) for name, certificate in certificates),
    )


def _common_name(ca: CA) -> str | None:
    try:
        subject = parse_certificate(ca.certificate).subject
    except MalformedMessage:
        return None
    return next((attribute.value for attribute in subject.attributes() if attribute.type == "commonName"), None)


def _template(
    policy: CertificateEnrollmentPolicy, names: Mapping[int, OID], cas: Mapping[int, str], source: Learned
) -> CatalogueTemplate | None:
    oid = names.get(policy.policy_oid_reference)
    attributes = policy.attributes
    if oid is None or not is_object_identifier(oid.value) or not attributes.common_name:
        return None
    values = dict(_extensions(policy, names))
    requirements = attributes.ra_requirements
    return CatalogueTemplate(
        common_name=attributes.common_name,
        oid=oid.value,
        default_name=oid.default_name,
        policy_schema=attributes.policy_schema,
        validity_period=_period(attributes.validity_period_seconds),
        renewal_period=_period(attributes.renewal_period_seconds),
        minimal_key_length=attributes.private_key_attributes.minimal_key_length,
        major_revision=attributes.major_revision,
        minor_revision=attributes.minor_revision,
        private_key_flags=_flags(PrivateKeyFlags, attributes.private_key_flags),
        subject_name_flags=_flags(SubjectNameFlags, attributes.subject_name_flags),
        enrollment_flags=_flags(EnrollmentFlags, attributes.enrollment_flags),
        general_flags=_flags(GeneralFlags, attributes.general_flags),
        ra_signatures=requirements.ra_signatures if requirements is not None else 0,
        extended_key_usage=_usages(values.get(oids.EXT_KEY_USAGE), extensions.extended_key_usage),
        application_policies=_usages(values.get(oids.APPLICATION_CERT_POLICIES), extensions.certificate_policies),
        cas=tuple(cas[reference] for reference in policy.ca_references or () if reference in cas),
        source=source,
    )


def _extensions(policy: CertificateEnrollmentPolicy, names: Mapping[int, OID]) -> Iterator[tuple[str, bytes | None]]:
    for extension in policy.attributes.extensions or ():
        oid = names.get(extension.oid_reference)
        if oid is not None:
            yield oid.value, extension.value


def _period(seconds: int) -> timedelta:
    return timedelta(seconds=min(seconds, int(LONGEST_PERIOD.total_seconds())))


def _flags(kind: type[F], number: int | None) -> F | None:
    return None if number is None else kind(number)


def _usages(value: bytes | None, read: Callable[[bytes], tuple[str, ...]]) -> tuple[str, ...] | None:
    if value is None:
        return None
    try:
        return read(value)
    except ValueError:
        return None
