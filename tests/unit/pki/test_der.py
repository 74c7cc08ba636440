import pytest

from gateway.pki import der
from tests.requests import integer, object_identifier, sequence, set_of, tlv, utf8_string


def test_a_structure_is_decoded_and_nothing_may_follow_it() -> None:
    octets = sequence(object_identifier("1.2.3"), integer(1))

    assert der.decode(der.CertificateTemplateOID, octets).template_major_version == 1
    with pytest.raises(ValueError, match=r"not a CertificateTemplateOID: .*ExtraData"):
        der.decode(der.CertificateTemplateOID, octets + b"\x00")


def test_an_element_is_read_as_a_structure_or_refused() -> None:
    element = der.element(sequence(object_identifier("1.2.3")))

    assert der.read(der.PolicyInformation, element).policy_qualifiers is None
    with pytest.raises(ValueError, match="not a BasicConstraints"):
        der.read(der.BasicConstraints, element)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30\x80\x00\x00",  # BER: indefinite length
        b"\x30\x81\x00",  # BER: a length in more octets than needed
        b"\x30\x01",
        b"\x05\x00\x00",
    ],
)
def test_what_is_not_one_der_value_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match="not a Tlv"):
        der.element(octets)


def test_the_elements_of_a_sequence_are_found() -> None:
    found = der.elements(der.element(sequence(integer(1), utf8_string("a"))))

    assert [der.encode(element) for element in found] == [integer(1), utf8_string("a")]


def test_a_set_has_no_elements_of_a_sequence() -> None:
    with pytest.raises(ValueError, match="tag 31 where a SEQUENCE is wanted"):
        der.elements(der.element(set_of()))


@pytest.mark.parametrize("count", [0, 2])
def test_a_sole_element_is_the_only_one(count: int) -> None:
    assert der.encode(der.sole_element(der.element(sequence(integer(1))))) == integer(1)
    with pytest.raises(ValueError, match=f"of {count} elements"):
        der.sole_element(der.element(sequence(*[integer(1)] * count)))


def test_a_sequence_of_has_at_least_one() -> None:
    assert der.sequence_of(int, der.element(sequence(integer(1), integer(2)))) == [1, 2]
    with pytest.raises(ValueError, match="an empty SEQUENCE OF int"):
        der.sequence_of(int, der.element(sequence()))


def test_an_implicit_tag_is_undone() -> None:
    assert der.encode(der.element(tlv(0xA0, integer(1))), tag=der.SEQUENCE) == sequence(integer(1))


def test_a_default_that_is_written_out_is_not_der() -> None:
    with pytest.raises(ValueError, match="DEFAULT"):
        der.decode(der.BasicConstraints, sequence(tlv(0x01, b"\x00")))


def test_an_algorithm_identifier_has_at_most_one_parameter() -> None:
    oid = object_identifier("1.2.840.113549.1.1.11")

    assert der.algorithm(der.element(sequence(oid))) == ("1.2.840.113549.1.1.11", [])
    assert len(der.algorithm(der.element(sequence(oid, tlv(0x05))))[1]) == 1
    for wrong in (sequence(), sequence(oid, tlv(0x05), tlv(0x05))):
        with pytest.raises(ValueError, match="not an AlgorithmIdentifier"):
            der.algorithm(der.element(wrong))
