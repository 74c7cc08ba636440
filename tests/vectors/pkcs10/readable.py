"""Vectors that the parser reads and leaves to the policy: what clients send, and attacks in correct form."""

from collections.abc import Iterator

from tests.requests import (
    CERT_EXTENSIONS,
    CERTIFICATE_TEMPLATE_NAME,
    ENROLLMENT_NAME_VALUE_PAIR,
    a_certification_request,
    a_key,
    a_name_value_pair,
    a_security_identifier_extension,
    a_signed_request,
    a_template_name_extension,
    a_template_oid_extension,
    a_uri,
    a_user_principal_name,
    an_application_policies_extension,
    an_attribute,
    an_extension,
    an_extension_request,
    an_other_name,
    an_rdn,
    bit_string,
    bmp_string,
    ia5_string,
    integer,
    object_identifier,
    octet_string,
    sequence,
    tlv,
    utf8_string,
)
from tests.vectors.pkcs10.vector import READ, Vector

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
ADMINISTRATOR_SID = "S-1-5-21-1004336348-1177238915-682003330-500"
COMMON_NAME = "2.5.4.3"


def ordinary() -> Iterator[Vector]:
    """What clients send."""
    yield Vector("ec-p256", "P-256, template name, one dNSName", READ, a_certification_request())
    for name, kind in (("ed25519", "Ed25519"), ("rsa-2048", "RSA"), ("rsa-1024", "RSA-1024")):
        yield Vector(name, f"the same, with an {kind} key", READ, a_certification_request(key=a_key(kind)))
    yield Vector("windows-attributes", "every attribute and extension as certreq writes them", READ, windows())
    yield Vector(
        "cert-extensions",
        "extensions in szOID_CERT_EXTENSIONS",
        READ,
        a_signed_request(attributes=[an_attribute(CERT_EXTENSIONS, sequence(a_template_name_extension("User")))]),
    )
    yield Vector("empty-subject", "no subject, one dNSName", READ, a_certification_request(""))
    multi_valued = an_rdn((COMMON_NAME, utf8_string("web01.partner.example")), ("2.5.4.10", utf8_string("Partner")))
    yield Vector("multi-valued-rdn", "an RDN of two attributes", READ, a_certification_request(sequence(multi_valued)))
    bmp = an_rdn((COMMON_NAME, bmp_string("Büro Köln")))
    yield Vector("bmpstring-subject", "commonName as a BMPString", READ, a_certification_request(sequence(bmp)))
    utf8_template = an_extension(CERTIFICATE_TEMPLATE_NAME, sequence(utf8_string("PartnerWebServer")))
    yield Vector(
        "template-name-utf8-in-sequence",
        "the template name as [MS-WCCE] documents it",
        READ,
        a_certification_request(template=None, extra_extensions=[utf8_template]),
    )


def windows() -> bytes:
    client_info = sequence(integer(5), utf8_string("PC7"), utf8_string("PARTNER\\uwe"), utf8_string("powershell.exe"))
    csp = sequence(integer(0), bmp_string("Microsoft Software Key Storage Provider"), bit_string(b""))
    extensions = an_extension_request(
        a_template_oid_extension("1.3.6.1.4.1.311.21.8.1.2.3", 100, 4),
        an_extension("2.5.29.37", sequence(object_identifier(CLIENT_AUTH))),
        an_application_policies_extension(CLIENT_AUTH),
        an_extension("2.5.29.15", bit_string(b"\xa0", 5), critical=True),
        an_extension("2.5.29.14", octet_string(bytes(20))),
        an_extension("2.5.29.19", sequence(), critical=True),
    )
    return a_signed_request(
        "CN=uwe,O=Partner,C=DE",
        attributes=[
            an_attribute("1.3.6.1.4.1.311.13.2.3", ia5_string("10.0.26100.2")),
            an_attribute("1.3.6.1.4.1.311.21.20", client_info),
            extensions,
            an_attribute("1.3.6.1.4.1.311.13.2.2", csp),
        ],
        key=a_key("RSA"),
    )


def attacks() -> Iterator[Vector]:
    """Well-formed requests for somebody else's rights: read in full, so that the policy can refuse them."""
    upn, sid = a_user_principal_name("administrator@corp.example"), a_security_identifier_extension(ADMINISTRATOR_SID)
    directory_name = tlv(0xA4, sequence(an_rdn((COMMON_NAME, utf8_string("Administrator")))))
    sid_uri = a_uri(f"tag:microsoft.com,2022-09-14:sid:{ADMINISTRATOR_SID}")
    certificate_template = a_name_value_pair("certificate template", "User")
    yield Vector("san-upn", "ESC1: a UPN in the SAN", READ, a_certification_request(general_names=[upn]))
    yield Vector(
        "san-sid-uri", "a SID as a URI in the SAN (KB5014754)", READ, a_certification_request(general_names=[sid_uri])
    )
    yield Vector(
        "san-directory-name",
        "a directoryName in the SAN",
        READ,
        a_certification_request(general_names=[directory_name]),
    )
    yield Vector(
        "san-every-alternative",
        "all nine alternatives of GeneralName, and a UPN",
        READ,
        a_certification_request(
            general_names=[
                upn,
                an_other_name("1.3.6.1.4.1.311.25.1", octet_string(bytes(range(16)))),
                tlv(0x81, b"admin@corp.example"),
                tlv(0xA3, sequence()),
                directory_name,
                tlv(0xA5, tlv(0xA1, utf8_string("party"))),
                sid_uri,
                tlv(0x87, bytes((192, 0, 2, 1))),
                tlv(0x87, bytes.fromhex("20010db8000000000000000000000001")),
                tlv(0x88, b"\x2a\x03\x04"),
            ]
        ),
    )
    yield Vector(
        "sid-extension",
        "szOID_NTDS_CA_SECURITY_EXT of an administrator",
        READ,
        a_certification_request(extra_extensions=[sid]),
    )
    yield Vector(
        "application-policies",
        "ESC15: application policies that a version 1 template does not have (CVE-2024-49019)",
        READ,
        a_certification_request(
            extra_extensions=[an_application_policies_extension("1.3.6.1.4.1.311.20.2.1", CLIENT_AUTH)]
        ),
    )
    yield Vector(
        "ca-certificate",
        "basicConstraints with cA, keyUsage keyCertSign",
        READ,
        a_certification_request(
            extra_extensions=[
                an_extension("2.5.29.19", sequence(tlv(0x01, b"\xff")), critical=True),
                an_extension("2.5.29.15", bit_string(b"\x06", 1), critical=True),
            ]
        ),
    )
    yield Vector(
        "template-conflict-extensions",
        "two template extensions that name different templates",
        READ,
        a_certification_request(template_oid="1.3.6.1.4.1.311.21.8.9.9.9"),
    )
    yield Vector(
        "template-conflict-attribute",
        "a template extension, and another template in a name/value pair",
        READ,
        a_certification_request(
            extra_attributes=[
                an_attribute(ENROLLMENT_NAME_VALUE_PAIR, a_name_value_pair("CertificateTemplate", "User"))
            ]
        ),
    )
    yield Vector(
        "name-value-disguises",
        "`S-A N` and `certificate template`: the CA drops blanks and minus signs",
        READ,
        a_certification_request(
            extra_attributes=[
                an_attribute(
                    ENROLLMENT_NAME_VALUE_PAIR,
                    a_name_value_pair("S-A N", "upn=administrator@corp.example"),
                    certificate_template,
                )
            ]
        ),
    )
