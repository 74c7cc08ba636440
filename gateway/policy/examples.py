"""The examples of a policy file, as they are written: requests that it must allow, and requests that it must refuse.

They are text about a request, not a request: `gateway.policy.example_requests` makes bytes of it, so that an example
takes the same way as a client. Values are not held to be sensible: an example may ask for what no policy should allow.
"""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from gateway.pki import extensions as pki
from gateway.pki.names import GeneralNameType
from gateway.pki.write import general_name, name_from_text
from gateway.policy.name_sections import SubjectField
from gateway.policy.sections import Given, ObjectIdentifier, PlainText, Section, Some, is_object_identifier, not_empty
from gateway.policy.vocabulary import EXTENDED_KEY_USAGES, EXTENSIONS

K = TypeVar("K")
V = TypeVar("V")

Text = Annotated[str, Field(max_length=4096)]
OneOrMore = Text | Some[Text]
"""One text, or a list of them."""
Mapped = Annotated[dict[K, V], AfterValidator(not_empty)]
"""A mapping with something in it."""
KeyUsage = Literal[
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
]
"""RFC 5280 4.2.1.3, a CA's two among them."""


def texts(value: OneOrMore) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _usage(text: str) -> str:
    oid = EXTENDED_KEY_USAGES.get(text, text)
    if not is_object_identifier(oid):
        raise ValueError(f"no extended key usage: write one of {', '.join(EXTENDED_KEY_USAGES)}, or dotted numbers")
    return oid


def _extension(text: str) -> str:
    oid = EXTENSIONS.get(text, text)
    if not is_object_identifier(oid):
        raise ValueError(f"no extension: write one of {', '.join(EXTENSIONS)}, or dotted numbers")
    return oid


def _distinguished_name(text: str) -> str:
    name_from_text(text)
    return text


def _sid(text: str) -> str:
    if not pki.is_sid(text):
        raise ValueError("not a SID in text form: S-1-5-21-...")
    return text


Usage = Annotated[str, AfterValidator(_usage)]
DistinguishedName = Annotated[str, AfterValidator(_distinguished_name)]
SecurityIdentifier = Annotated[str, AfterValidator(_sid)]
Hex = Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2})*$")]
Ascii = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]


class NamesSection(Section):
    """What a request and a certificate both have."""

    subject: Mapped[SubjectField, OneOrMore] = Field(default_factory=dict)
    subject_alternative_name: Mapped[GeneralNameType, Some[Text]] = Field(default_factory=dict)
    security_identifier: Given[SecurityIdentifier] = None
    """In the extension 1.3.6.1.4.1.311.25.2."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        for kind, value in self.general_names():
            try:
                general_name(kind, value)
            except ValueError as error:
                raise ValueError(f"{value!r} is no {kind}: {error}") from error
        return self

    def general_names(self) -> tuple[tuple[GeneralNameType, str], ...]:
        return tuple((kind, value) for kind, values in self.subject_alternative_name.items() for value in values)

    def subject_fields(self) -> tuple[tuple[str, str], ...]:
        return tuple((field, value) for field, values in self.subject.items() for value in texts(values))


class TemplateNaming(Section):
    name: Given[Text] = None
    oid: Given[ObjectIdentifier] = None


def _named(template: object) -> object:
    if template is None:
        raise ValueError("must not be empty: leave it out, or write false for no template")
    return template


TemplateChoice = Annotated[Literal[False] | Text | TemplateNaming | None, AfterValidator(_named)]
"""None stands for leaving it out: the policy's template, by name."""


class CertificateSection(NamesSection):
    """A certificate of a throw-away authority, which is trusted as long as the example is judged."""

    issuer: DistinguishedName = "CN=Example CA"
    template: TemplateChoice = None
    """By default that of the policy; false for a certificate that names none."""
    extended_key_usage: Some[Usage] = ()
    certificate_policies: Some[ObjectIdentifier] = ()
    is_expired: bool = False
    is_untrusted: bool = False
    """Its authority is none that the gateway knows."""
    is_client_certificate: bool = False
    """Whether it is the one that the requester has shown in the TLS handshake, too."""


class RequesterFacts(Section):
    """Who asks. What a directory would say makes an account of it: `groups` and the keys after it."""

    account: PlainText
    authentication: Literal["UsernamePassword", "Certificate", "Kerberos"]
    partner: Given[PlainText] = None
    mapping_rule: Given[PlainText] = None
    issuer: Given[DistinguishedName] = None
    """Of the client certificate."""
    certificate: Given[CertificateSection] = None
    """The client certificate."""
    groups: Some[PlainText] = ()
    """sAMAccountName of the groups that the account is in, nested ones too."""
    group_sids: Some[SecurityIdentifier] = ()
    distinguished_name: Given[DistinguishedName] = None
    organizational_unit: Given[DistinguishedName] = None
    """In the place of `distinguishedName`: the account is in it under its own name."""
    user_principal_name: Given[PlainText] = None
    dns_host_name: Given[PlainText] = Field(None, alias="dNSHostName")
    mail: Given[PlainText] = None
    common_name: Given[PlainText] = None
    display_name: Given[PlainText] = None
    object_sid: Given[SecurityIdentifier] = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        shows_certificate = self.issuer is not None or self.certificate is not None
        if shows_certificate and self.authentication != "Certificate":
            raise ValueError("issuer and certificate go with authentication Certificate")
        if self.distinguished_name is not None and self.organizational_unit is not None:
            raise ValueError("give distinguishedName or organizationalUnit, not both")
        if self.is_in_directory and not all(self.account.rpartition("@")[::2]):
            raise ValueError("an account of a directory is called by its sAMAccountName and domain: alice@corp.example")
        return self

    @property
    def is_in_directory(self) -> bool:
        """Whether anything is said that only a directory knows."""
        return bool(self.model_fields_set - _WITHOUT_DIRECTORY)


_WITHOUT_DIRECTORY = {"account", "authentication", "partner", "mapping_rule", "issuer", "certificate"}


class RSAKey(Section):
    algorithm: Literal["RSA"]
    length: Annotated[int, Field(ge=1024, le=8192)] = 2048
    """Bits. Shorter ones cannot be made, longer ones take too long."""
    public_exponent: Literal[3, 65537] = 65537


class ECKey(Section):
    algorithm: Literal["EC"]
    curve: Literal["secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"]


class EdwardsKey(Section):
    algorithm: Literal["Ed25519", "Ed448"]


Key = RSAKey | ECKey | EdwardsKey


class ClientInformation(Section):
    """What a Windows client tells about itself."""

    process: Text = ""
    machine: Text = ""
    user: Text = ""
    cryptographic_service_provider: Given[Text] = None
    os_version: Given[Ascii] = None


class OnBehalfOf(Section):
    requester_name: Text
    """DOMAIN\\user."""
    agents: Some[CertificateSection]
    """The certificates that sign."""


class RequestSection(NamesSection):
    """What is asked for. What is left out is not in the request."""

    key: Annotated[Key, Field(discriminator="algorithm")] = RSAKey(algorithm="RSA")
    key_usage: Some[KeyUsage] = ()
    extended_key_usage: Some[Usage] = ()
    application_policies: Some[Usage] = ()
    certificate_policies: Some[ObjectIdentifier] = ()
    basic_constraints_ca: bool | None = Field(None, alias="basicConstraintsCA")
    template: TemplateChoice = None
    """By default that of the policy; false for none in the PKCS#10."""
    extensions: Mapped[Annotated[str, AfterValidator(_extension)], Hex] = Field(default_factory=dict)
    """Others, with the DER of their values in hex."""
    request_attributes: Mapped[Text, Text] = Field(default_factory=dict)
    """Name/value pairs in the PKCS#10."""
    additional_context: Mapped[Text, Text] = Field(default_factory=dict)
    """Name/value pairs in the SOAP message."""
    client_information: Given[ClientInformation] = None
    renewal_of: Given[CertificateSection] = None
    """The certificate that signs, and is to be renewed."""
    on_behalf_of: Given[OnBehalfOf] = None

    @model_validator(mode="after")
    def _one_purpose(self) -> Self:
        if self.renewal_of is not None and self.on_behalf_of is not None:
            raise ValueError("give renewalOf or onBehalfOf, not both: write the request into a file to have both")
        return self


class ExampleSection(Section):
    """One request, and what must become of it."""

    name: PlainText
    requester: RequesterFacts
    request: Given[RequestSection] = None
    file: Given[Text] = None
    """Beside the policy file, in the place of `request`: a PKCS#10, CMS or CMC in PEM or DER, or a SOAP message."""
    allowed: Literal[True] | PlainText | None = None
    """True, or the name of the rule that must allow it."""
    refused: Some[PlainText] = ()
    """Words that must be among the violations: a section, or `section.field`, or the reason of a refusal that is none
    of a rule, as the audit record has it."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.request is None) == (self.file is None):
            raise ValueError("give a request, or the name of a file with one")
        if (self.allowed is None) == (not self.refused):
            raise ValueError("say what must become of it: allowed, or refused")
        return self
