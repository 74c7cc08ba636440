import pytest

from gateway.pki import oids


@pytest.mark.parametrize(("oid", "text"), [("2.5.29.17", "2.5.29.17 (subjectAltName)"), ("1.2.3.4", "1.2.3.4")])
def test_an_oid_is_described_by_its_name_where_it_has_one(oid: str, text: str) -> None:
    assert oids.described(oid) == text
