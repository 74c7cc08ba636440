import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import Call
from gateway.errors import GatewayError
from gateway.web.paths import decode_path, find_service
from gateway.web.reply import PublishedService, Reply
from tests.unit.web.outside import DECODED_PATH, PATH, answer_ok


async def refuse(_call: Call, _error: GatewayError) -> Reply:
    """Never called here."""
    raise AssertionError


SERVICE = PublishedService("ces-partner", DECODED_PATH, "enroll.partner.example", answer_ok, refuse, negotiate=False)
BANG = PublishedService(
    "ces-bang",
    "/R&D !0021 CA_CES_UsernamePassword/service.svc/CES",
    "enroll.partner.example",
    answer_ok,
    refuse,
    negotiate=False,
)


@pytest.mark.parametrize(
    "target",
    [
        PATH,
        PATH.upper(),
        "/fabrikam%20issuing%20ca_ces_certificate/service.svc/ces",
        "https://ces.example.com" + PATH,
        "HTTPS://ces.example.com:8443" + PATH,
        PATH.replace("_", "%5F"),
    ],
)
def test_a_published_path_is_found_in_any_case_and_any_spelling(target: str) -> None:
    assert find_service([BANG, SERVICE], target) is SERVICE


def test_the_exclamation_marks_of_sanitized_ca_names_may_be_escaped() -> None:
    assert find_service([SERVICE, BANG], "/R&D%20!0021%20CA_CES_UsernamePassword/service.svc/CES") is BANG
    assert find_service([SERVICE, BANG], "/R%26D%20%210021%20CA_CES_UsernamePassword/service.svc/CES") is BANG


@pytest.mark.parametrize(
    "target",
    [
        "",
        "*",
        "/",
        "ces.example.com:443",
        "https://ces.example.com",
        PATH + "/",
        PATH + "?wsdl",
        PATH + "?",
        PATH + "#fragment",
        PATH.replace("%20", " "),
        PATH.replace("%20", "+"),
        PATH.replace("%20", "%2520"),
        PATH.replace("/CES", "%2FCES"),
        PATH.replace("/CES", "%2fCES"),
        PATH.replace("/CES", "%5CCES"),
        PATH.replace("/CES", "\\CES"),
        PATH.replace("/CES", "//CES"),
        PATH.replace("/CES", "/./CES"),
        PATH.replace("/CES", "/x/../CES"),
        PATH.replace("/CES", "/x/%2e%2e/CES"),
        PATH + "%00",
        PATH + "%0d%0aX:%20y",
        PATH + "%",
        PATH + "%2",
        PATH + "%zz",
        PATH + "%ff",
        PATH + "é",
        "/" + PATH,
        "https://ces.example.com/https://ces.example.com" + PATH,
    ],
)
def test_nothing_else_is_found(target: str) -> None:
    assert find_service([SERVICE], target) is None


@pytest.mark.parametrize("target", ["/.", "/..", "/a/../b", "/a/./b", "/a/%2e%2E/b", "/a/.%2e", "/a/%2e"])
def test_a_path_with_dot_segments_is_not_even_decoded(target: str) -> None:
    assert decode_path(target) is None


@given(st.text(alphabet="/.%25cCfF\\?#ax\x00é \udc80", max_size=30))
def test_a_path_that_was_decoded_has_no_second_meaning(target: str) -> None:
    path = decode_path(target)

    if path is not None:
        assert path.startswith("/")
        assert not {"%", "\\", "?", "#", "\x00"} & set(path)
        assert not {".", ".."} & set(path.split("/"))
