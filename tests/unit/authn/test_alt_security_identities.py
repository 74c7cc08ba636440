from dataclasses import replace
from hashlib import sha1
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authn.alt_security_identities import StrongForm, WeakForm, strong_values, weak_values
from gateway.pki.certificate import Certificate, parse_certificate
from gateway.pki.names import AttributeTypeAndValue, GeneralName, GeneralNameType, Name

LEAF = parse_certificate((Path(__file__).parents[2] / "vectors/certificate/captured-adcs-leaf.der").read_bytes())

Rdn = tuple[tuple[str, str], ...]


def a_name(*most_general_first: Rdn) -> Name:
    return Name(tuple(tuple(AttributeTypeAndValue(*member) for member in rdn) for rdn in most_general_first))


def of_issuer(*most_general_first: Rdn, serial_number: int = 1) -> Certificate:
    return replace(LEAF, issuer=a_name(*most_general_first), serial_number=serial_number)


def issuer_and_serial_number(certificate: Certificate) -> tuple[str, ...]:
    return strong_values(certificate).get(StrongForm.ISSUER_SERIAL_NUMBER, ())


# --- the strong forms -----------------------------------------------------------------------------------------------


def test_a_captured_certificate_has_every_strong_form() -> None:
    assert strong_values(LEAF) == {
        StrongForm.ISSUER_SERIAL_NUMBER: (
            "X509:<I>DC=internal,DC=pkinitlab,CN=PKINIT Lab Issuing CA<SR>0a0000000000f1b745ba72cd65340a0000005e",
        ),
        StrongForm.SKI: ("X509:<SKI>16c7ef7f78b229319ec9c2aa433175bc98965da2",),
        StrongForm.SHA1_PUBLIC_KEY: (
            "X509:<SHA1-PUKEY>856252c0aff6220aa801d3a0ebcfab050079ec13",
            "X509:<SHA1-PUKEY>16c7ef7f78b229319ec9c2aa433175bc98965da2",
        ),
    }


def test_the_example_of_kb5014754_comes_out_as_it_is_printed_there() -> None:
    certificate = of_issuer(
        (("domainComponent", "com"),),
        (("domainComponent", "contoso"),),
        (("commonName", "CONTOSO-DC-CA"),),
        serial_number=0x2B0000000011AC0000000012,
    )

    (value,) = issuer_and_serial_number(certificate)

    assert value.lower() == "X509:<I>DC=com,DC=contoso,CN=CONTOSO-DC-CA<SR>1200000000AC11000000002B".lower()


@pytest.mark.parametrize(
    ("serial_number", "octets"),
    [(0x1, "01"), (0xABC, "bc0a"), (0x80, "80"), (0x8001, "0180"), (0x0100, "0001"), ((1 << 160) - 1, "ff" * 20)],
)
def test_a_serial_number_is_written_backwards_octet_by_octet(serial_number: int, octets: str) -> None:
    certificate = of_issuer((("commonName", "CA"),), serial_number=serial_number)

    assert issuer_and_serial_number(certificate) == (f"X509:<I>CN=CA<SR>{octets}",)


@pytest.mark.parametrize("serial_number", [0, -1])
def test_a_serial_number_that_no_ca_may_use_has_no_form(serial_number: int) -> None:
    assert not issuer_and_serial_number(of_issuer((("commonName", "CA"),), serial_number=serial_number))


def test_attribute_types_are_called_as_windows_calls_them() -> None:
    certificate = of_issuer(
        (("countryName", "US"),),
        (("stateOrProvinceName", "Washington"),),
        (("localityName", "Redmond"),),
        (("organizationName", "Fabrikam"),),
        (("organizationalUnitName", "PKI"),),
        (("emailAddress", "pki@fabrikam.example"),),
        (("commonName", "Müller & Söhne (CA) / 1"),),
    )

    assert issuer_and_serial_number(certificate) == (
        "X509:<I>C=US,S=Washington,L=Redmond,O=Fabrikam,OU=PKI,E=pki@fabrikam.example,CN=Müller & Söhne (CA) / 1<SR>01",
    )


@pytest.mark.parametrize(
    "rdn",
    [
        (("commonName", "Fabrikam, Inc."),),
        (("commonName", "A+B"),),
        (("commonName", "A=B"),),
        (("commonName", 'The "CA"'),),
        (("commonName", "A<SR>01"),),
        (("commonName", "A>B"),),
        (("commonName", "#1"),),
        (("commonName", "A;B"),),
        (("commonName", "A\\B"),),
        (("commonName", "A\nB"),),
        (("commonName", " A"),),
        (("commonName", "A "),),
        (("commonName", "A\N{NO-BREAK SPACE}"),),
        (("commonName", ""),),
        (("serialNumber", "1"),),
        (("OID.1.2.3", "A"),),
        (("commonName", "A"), ("userId", "a")),
        (("commonName", "A"), ("commonName", "B")),
    ],
)
def test_a_name_of_uncertain_spelling_never_becomes_a_value(rdn: Rdn) -> None:
    certificate = of_issuer((("organizationName", "Fabrikam"),), rdn)

    assert StrongForm.ISSUER_SERIAL_NUMBER not in strong_values(certificate)
    assert StrongForm.SHA1_PUBLIC_KEY in strong_values(certificate)
    assert WeakForm.ISSUER_SUBJECT not in weak_values(certificate)


def test_an_empty_name_never_becomes_a_value() -> None:
    assert not issuer_and_serial_number(of_issuer())
    assert not weak_values(replace(LEAF, subject=Name(())))


@given(st.lists(st.tuples(st.sampled_from(["commonName", "organizationName"]), st.text()), min_size=1))
def test_what_is_printed_can_be_read_in_one_way_only(attributes: list[tuple[str, str]]) -> None:
    keys = {"CN": "commonName", "O": "organizationName"}

    for value in issuer_and_serial_number(of_issuer(*((attribute,) for attribute in attributes))):
        issuer, _, _ = value.removeprefix("X509:<I>").partition("<SR>")
        read = [part.split("=") for part in issuer.split(",")]
        assert [(keys[key], text) for key, text in read] == attributes


def test_a_certificate_without_key_identifier_has_no_ski() -> None:
    assert StrongForm.SKI not in strong_values(replace(LEAF, subject_key_identifier=None))


def test_the_sha1_to_write_is_that_of_the_certificate() -> None:
    """As Microsoft's tools have it, whatever the form is called."""
    assert strong_values(LEAF)[StrongForm.SHA1_PUBLIC_KEY][0] == f"X509:<SHA1-PUKEY>{sha1(LEAF.der).hexdigest()}"


# --- the weak forms -------------------------------------------------------------------------------------------------


def test_weak_forms_have_names_in_the_order_of_the_encoding() -> None:
    issuer = "DC=internal,DC=pkinitlab,CN=PKINIT Lab Issuing CA"
    subject = "DC=internal,DC=pkinitlab,CN=Users,CN=labadm"

    assert weak_values(LEAF) == {
        WeakForm.ISSUER_SUBJECT: f"X509:<I>{issuer}<S>{subject}",
        WeakForm.SUBJECT_ONLY: f"X509:<S>{subject}",
    }


def having_addresses(*addresses: str) -> Certificate:
    names = tuple(GeneralName(GeneralNameType.RFC822_NAME, address) for address in addresses)
    return replace(LEAF, subject_alternative_name=(*LEAF.subject_alternative_name, *names))


def test_one_address_is_a_weak_form_and_several_are_none() -> None:
    assert weak_values(having_addresses("a@b.example"))[WeakForm.RFC822] == "X509:<RFC822>a@b.example"
    assert WeakForm.RFC822 not in weak_values(having_addresses("a@b.example", "c@b.example"))


def test_a_subject_stands_alone_where_the_issuer_cannot_be_written() -> None:
    certificate = replace(LEAF, issuer=a_name((("commonName", "Fabrikam, Inc."),)))

    assert set(weak_values(certificate)) == {WeakForm.SUBJECT_ONLY}
