"""The tricks that stand in one extension or in one name/value pair, for every carrier of such.

The classes are those of the published attacks on AD CS: ESC1, 2, 3, 6, 13, 14 and 15, the strong mapping of KB5014754,
and what a CA does at a word ([MS-WCCE] 3.2.1.4.2.1.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1

from tests.requests import (
    a_dns_name,
    a_key,
    a_public_key_info,
    a_security_identifier_extension,
    a_subject_alternative_name,
    a_template_name_extension,
    a_template_oid_extension,
    a_uri,
    a_user_principal_name,
    an_application_policies_extension,
    an_extension,
    an_other_name,
    bit_string,
    object_identifier,
    octet_string,
    sequence,
    tlv,
    utf8_string,
)
from tests.vectors.attacks.attack import Attack
from tests.vectors.attacks.carriers import EXTENSIONS, PAIRS, Extending, Message, Pair, Pairing

TEMPLATE = "PartnerWebServer"
TEMPLATE_OID = "1.3.6.1.4.1.311.21.8.7.1"
OTHER_TEMPLATE = "PartnerUser"
OTHER_TEMPLATE_OID = "1.3.6.1.4.1.311.21.8.7.2"

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
CERTIFICATE_REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1"
ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"
ANY_APPLICATION_POLICY = "1.3.6.1.4.1.311.10.12.1"
ADMINISTRATOR = "S-1-5-21-1004336348-1177238915-682003330-500"
DIGITAL_SIGNATURE = b"\x80"
KEY_CERT_SIGN = b"\x04"

OWN_NAME = a_subject_alternative_name(a_dns_name("web01.partner.example"))
NAMED = a_template_name_extension(TEMPLATE)


def key_usage(bits: bytes) -> bytes:
    unused = 7 if bits == DIGITAL_SIGNATURE else 2
    return an_extension("2.5.29.15", bit_string(bits, unused), critical=True)


def extended_key_usage(*oids: str) -> bytes:
    return an_extension("2.5.29.37", sequence(*map(object_identifier, oids)))


def key_identifier(of: str) -> bytes:
    """SHA-1 of somebody's key: altSecurityIdentities X509SKI leads by it to the account of whoever it names."""
    spki = a_public_key_info(a_key(name=of))
    return an_extension("2.5.29.14", octet_string(sha1(spki, usedforsecurity=False).digest()))


def certificate_policies(*oids: str) -> bytes:
    return an_extension("2.5.29.32", sequence(*(sequence(object_identifier(oid)) for oid in oids)))


def names(*general_names: bytes) -> bytes:
    return a_subject_alternative_name(a_dns_name("web01.partner.example"), *general_names)


@dataclass(frozen=True, slots=True)
class Trick:
    """One extension that a client must not ask for, and the one in its place that it may."""

    name: str
    attack: bytes
    harmless: bytes
    caught_by: str


HARMLESS = key_usage(DIGITAL_SIGNATURE)

IN_EXTENSIONS = (
    Trick(
        "esc1-upn",
        names(a_user_principal_name("administrator@corp.example")),
        OWN_NAME,
        "subjectAlternativeName.userPrincipalName",
    ),
    Trick("esc1-dns", names(a_dns_name("dc01.corp.example")), OWN_NAME, "subjectAlternativeName.dNSName"),
    Trick(
        "esc1-directory-name",
        names(tlv(0xA4, sequence(tlv(0x31, sequence(object_identifier("2.5.4.3"), utf8_string("Administrator")))))),
        OWN_NAME,
        "subjectAlternativeName.directoryName",
    ),
    Trick(
        "esc14-key-identifier", key_identifier("victim"), key_identifier("requester"), "extensions.subjectKeyIdentifier"
    ),
    Trick("esc14-mail", names(tlv(0x81, b"administrator@corp.example")), OWN_NAME, "subjectAlternativeName.rfc822Name"),
    Trick(
        "ntds-replication-name",
        names(an_other_name("1.3.6.1.4.1.311.25.1", tlv(0x04, bytes(16)))),
        OWN_NAME,
        "subjectAlternativeName.otherName 1.3.6.1.4.1.311.25.1",
    ),
    Trick(
        "sid-uri",
        names(a_uri(f"tag:microsoft.com,2022-09-14:sid:{ADMINISTRATOR}")),
        OWN_NAME,
        "subjectAlternativeName.uniformResourceIdentifier",
    ),
    Trick("sid-extension", a_security_identifier_extension(ADMINISTRATOR), HARMLESS, "extensions.securityIdentifier"),
    Trick(
        "esc2-any-usage",
        extended_key_usage(ANY_EXTENDED_KEY_USAGE),
        extended_key_usage(SERVER_AUTH),
        "extensions.extendedKeyUsage",
    ),
    Trick(
        "esc2-any-application-policy",
        an_application_policies_extension(ANY_APPLICATION_POLICY),
        an_application_policies_extension(SERVER_AUTH),
        "extensions.applicationPolicies",
    ),
    Trick(
        "esc3-agent",
        extended_key_usage(CERTIFICATE_REQUEST_AGENT),
        extended_key_usage(SERVER_AUTH),
        "extensions.extendedKeyUsage",
    ),
    Trick(
        "esc13-issuance-policy",
        certificate_policies("1.3.6.1.4.1.311.21.8.9.9"),
        HARMLESS,
        "extensions.certificatePolicies",
    ),
    Trick(
        "esc15-client-authentication",
        an_application_policies_extension(CLIENT_AUTH),
        an_application_policies_extension(SERVER_AUTH),
        "extensions.applicationPolicies",
    ),
    Trick(
        "esc15-agent",
        an_application_policies_extension(CERTIFICATE_REQUEST_AGENT),
        an_application_policies_extension(SERVER_AUTH),
        "extensions.applicationPolicies",
    ),
    Trick(
        "subca-basic-constraints",
        an_extension("2.5.29.19", sequence(tlv(0x01, b"\xff")), critical=True),
        an_extension("2.5.29.19", sequence(), critical=True),
        "extensions.basicConstraints",
    ),
    Trick("subca-key-usage", key_usage(KEY_CERT_SIGN), HARMLESS, "extensions.keyUsage"),
    Trick("name-constraints", an_extension("2.5.29.30", sequence()), HARMLESS, "extensions.nameConstraints"),
    Trick(
        "unknown-extension", an_extension("1.3.6.1.4.1.99999.1", tlv(0x05)), HARMLESS, "extensions.1.3.6.1.4.1.99999.1"
    ),
)


def in_extensions() -> Iterator[Attack]:
    """Every trick of one extension, in every place for extensions."""
    for trick in IN_EXTENSIONS:
        for carrier, place in EXTENSIONS.items():
            says_names = trick.harmless == OWN_NAME
            base = Message(extension_request=(NAMED,) if says_names else (NAMED, OWN_NAME))
            yield Attack(
                trick.name, carrier, place(base, (trick.attack,)), place(base, (trick.harmless,)), (trick.caught_by,)
            )


MACHINE: Pair = ("ccm", "pc1.partner.example")
IN_PAIRS: dict[str, tuple[Pair, str]] = {
    "esc6-san": (("SAN", "upn=administrator@corp.example"), "attributes.san"),
    "esc6-san-in-lower-case": (("san", "dns=dc01.corp.example"), "attributes.san"),
    "disguise-blanks": (("S A N", "upn=administrator@corp.example"), "attributes.san"),
    "disguise-minus": (("S-A-N", "upn=administrator@corp.example"), "attributes.san"),
    "disguise-both": ((" -s A-n- ", "upn=administrator@corp.example"), "attributes.san"),
    "cdc": (("cdc", "attacker.example"), "attributes.cdc"),
    "disguise-cdc": (("C-D C", "attacker.example"), "attributes.cdc"),
    "certfile": (("certfile", "\\\\attacker.example\\share\\x.cer"), "attributes.certfile"),
    "certificate-usage": (("CertificateUsage", CLIENT_AUTH), "attributes.certificateusage"),
    "validity-period": (("ValidityPeriod", "Years"), "validity.validityperiod"),
    "expiration-date": (("ExpirationDate", "Fri, 01 Jan 2100 00:00:00 GMT"), "validity.expirationdate"),
    "start-date": (("StartDate", "Fri, 01 Jan 2027 00:00:00 GMT"), "attributes.startdate"),
    "subject-common-name": (("CN", "Administrator"), "attributes.cn"),
    "other": (("Other", "anything"), "attributes.other"),
    "requestername-without-an-agent": (("requestername", "CORP\\administrator"), "attributes.requestername"),
    "machine-name-with-a-port": (("ccm", "attacker.example:445"), "attributes.ccm"),
}


def in_pairs() -> Iterator[Attack]:
    """Every name/value pair that a CA acts on, in every place for such pairs."""
    base = Message(extension_request=(NAMED, OWN_NAME))
    for trick, (pair, caught_by) in IN_PAIRS.items():
        for carrier, place in PAIRS.items():
            yield Attack(trick, carrier, place(base, (pair,)), place(base, (MACHINE,)), (caught_by,))


LINE_BREAKS: dict[str, Pair] = {
    "newline-in-value": ("ccm", "pc1.partner.example\nSAN:upn=administrator@corp.example"),
    "carriage-return-in-value": ("ccm", "pc1.partner.example\rSAN:upn=administrator@corp.example"),
    "line-separator-in-value": ("ccm", "pc1.partner.example\u2028SAN:upn=administrator@corp.example"),
    "newline-in-name": ("ccm:pc1\nSAN", "upn=administrator@corp.example"),
}


def line_breaks() -> Iterator[Attack]:
    """CES hands name:value lines to the CA: a break in one would add another."""
    base = Message(extension_request=(NAMED, OWN_NAME))
    for trick, pair in LINE_BREAKS.items():
        for carrier, place in PAIRS.items():
            error = "MalformedMessage" if "ontext" in carrier else "MalformedCertificationRequest"
            yield Attack(trick, carrier, place(base, (pair,)), place(base, (MACHINE,)), (error,))


# --- the template ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Naming:
    """A place to name a template in: an extension (by name or by OID) somewhere, or a pair somewhere."""

    carrier: str
    envelope: str
    extending: Extending | None = None
    by_oid: bool = False
    pairing: Pairing | None = None

    @property
    def attribute(self) -> str:
        """In which attribute of the PKCS#10, or by which control."""
        return self.carrier.removeprefix(f"{self.envelope}-").rpartition("-")[0]

    def name(self, message: Message, template: str, oid: str) -> Message:
        if self.pairing is not None:
            return self.pairing(message, (("CertificateTemplate", template),))
        assert self.extending is not None
        extension = a_template_oid_extension(oid, 100, 1) if self.by_oid else a_template_name_extension(template)
        return self.extending(message, (extension,))


def _envelope(carrier: str) -> str:
    """The first words of a carrier's name; AdditionalContext stands around a bare PKCS#10."""
    for envelope in ("cms-cms", "cms", "cmc"):
        if carrier.startswith(f"{envelope}-"):
            return envelope
    return "pkcs10"


NAMINGS = (
    *(Naming(f"{carrier}-20.2", _envelope(carrier), place) for carrier, place in EXTENSIONS.items()),
    *(Naming(f"{carrier}-21.7", _envelope(carrier), place, by_oid=True) for carrier, place in EXTENSIONS.items()),
    *(Naming(carrier, _envelope(carrier), pairing=place) for carrier, place in PAIRS.items()),
)


def templates() -> Iterator[Attack]:
    """Templates for which there is no policy, and must be none: in every place that can name one."""
    base = Message(extension_request=(OWN_NAME,))
    unknown = {
        "subca-template": ("SubCA", "1.3.6.1.4.1.311.21.8.1.18"),
        "crossca-template": ("CrossCA", "1.3.6.1.4.1.311.21.8.1.22"),
        "esc3-agent-template": ("EnrollmentAgent", "1.3.6.1.4.1.311.21.8.1.11"),
    }
    for trick, (template, oid) in unknown.items():
        for naming in NAMINGS:
            attack = naming.name(base, template, oid)
            harmless = naming.name(base, TEMPLATE, TEMPLATE_OID)
            yield Attack(trick, naming.carrier, attack, harmless, ("Unmatched",))


def conflicts() -> Iterator[Attack]:
    """One template here and another one there, in every two places that can stand together."""
    base = Message(extension_request=(OWN_NAME,))
    for n, one in enumerate(NAMINGS):
        for other in NAMINGS[n + 1 :]:
            if not can_stand_together(one, other):
                continue
            ours = one.name(base, TEMPLATE, TEMPLATE_OID)
            carrier = f"{one.carrier}--{other.carrier}"
            attack = other.name(ours, OTHER_TEMPLATE, OTHER_TEMPLATE_OID)
            harmless = other.name(ours, TEMPLATE, TEMPLATE_OID)
            yield Attack("template-conflict", carrier, attack, harmless, ("TemplateConflict",))


def can_stand_together(one: Naming, other: Naming) -> bool:
    """One envelope, no extension twice, and no two attributes with extensions."""
    if one.envelope != other.envelope:
        return False
    if one.extending is None or other.extending is None:
        return True
    if one.by_oid == other.by_oid:
        return False
    return one.attribute == other.attribute or "addExtensions" in {one.attribute, other.attribute}
