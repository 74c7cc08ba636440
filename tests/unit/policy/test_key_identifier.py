from hashlib import sha1, sha256

import pytest

from gateway.errors import GatewayError
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Concern, approve
from gateway.policy.key_identifier import SubjectKeyIdentifierCondition
from gateway.policy.load import load_policies
from tests.builders import a_policy_file, an_application
from tests.requests import a_certification_request, a_key, a_public_key_info, an_extension, octet_string

OWN = a_public_key_info(a_key("RSA"))
OF_THE_ADMINISTRATOR = sha1(b"the administrator's key", usedforsecurity=False).digest()


def asking_for(value: bytes) -> bytes:
    return a_certification_request(
        "CN=web01.partner-a.example",
        dns=["web01.partner-a.example"],
        key=a_key("RSA"),
        extra_extensions=[an_extension("2.5.29.14", value)],
    )


def is_forbidden(value: bytes) -> list[bool]:
    application = an_application(parse_certificate_request(asking_for(value)))
    found = SubjectKeyIdentifierCondition().violations("a rule", application)
    assert all((each.concern, each.field) == (Concern.EXTENSIONS, "subjectKeyIdentifier") for each in found)
    return [each.is_forbidden for each in found]


@pytest.mark.parametrize("digest", [sha1(OWN, usedforsecurity=False).digest(), sha256(OWN).digest()])
def test_a_hash_of_the_key_may_be_asked_for(digest: bytes) -> None:
    assert is_forbidden(octet_string(digest)) == []


def test_a_request_need_not_have_one() -> None:
    application = an_application(parse_certificate_request(a_certification_request()))

    assert SubjectKeyIdentifierCondition().violations("a rule", application) == ()


@pytest.mark.parametrize("value", [octet_string(OF_THE_ADMINISTRATOR), octet_string(b""), b"\x05\x00", b""])
def test_the_identifier_of_another_key_is_forbidden(value: bytes) -> None:
    assert is_forbidden(value) == [True]


@pytest.mark.parametrize("mode", ["enforce", "audit"])
def test_no_list_of_extensions_lets_it_through(mode: str) -> None:
    policies = load_policies([("P.yaml", f"mode: {mode}\n{a_policy_file('extensions: [subjectKeyIdentifier]')}")])

    with pytest.raises(GatewayError, match="subjectKeyIdentifier"):
        approve(policies, an_application(parse_certificate_request(asking_for(octet_string(OF_THE_ADMINISTRATOR)))))
