from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.protocol.xml import MAX_MESSAGE_BYTES
from gateway.strict_yaml import Mistaken, parse
from gateway.upstream.settings import UpstreamSettings, parse_address

URL = "https://ces.corp.fabrikam.example/Fabrikam%20Issuing%20CA%201_CES_Certificate/service.svc/CES"


def settings(**more: object) -> UpstreamSettings:
    return UpstreamSettings.model_validate({"url": URL, "trust": Path("trust.pem"), **more})


def test_a_url_and_a_trust_file_are_enough() -> None:
    assert settings().url == URL


def test_the_settings_are_read_from_yaml() -> None:
    text = f"url: {URL}\ntrust: /etc/trust.pem\nserver_address: '[fd00::3]:8443'\nanswer_seconds: 60\n"

    read = parse(text, "gateway.yaml").validate(UpstreamSettings)

    assert (read.trust, read.server_address, read.answer_seconds) == (Path("/etc/trust.pem"), "[fd00::3]:8443", 60)


@pytest.mark.parametrize(
    "url",
    [
        "http://ces.corp.fabrikam.example/CES",
        "https:///CES",
        "https://ces.corp.fabrikam.example",
        "https://user:word@ces.corp.fabrikam.example/CES",
        "https://ces.corp.fabrikam.example/CES?wsdl",
        "https://ces.corp.fabrikam.example/CES#part",
        "https://ces.corp.fabrikam.example:99999/CES",
        "https://ces.corp.fabrikam.example:0/CES",
        f"https://{'a' * 64}.example/CES",
        "https://ces..example/CES",
        "https://ces.corp.fabrikam.example/Fabrikam Issuing CA 1/CES",
        "https://ces.corp.fabrikam.example/Zürich/CES",
        "https://ces.corp.fabrikam.example/CES\r\nX: y",
    ],
)
def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must"):
        settings(url=url)


@pytest.mark.parametrize("more", [{"certificate": Path("own.pem")}, {"key": Path("own.key")}])
def test_a_certificate_without_its_key_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="give both or none"):
        settings(**more)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.2.3:443", ("10.1.2.3", 443)),
        ("[fd00::3]:8443", ("fd00::3", 8443)),
        ("balancer.dmz.example:443", ("balancer.dmz.example", 443)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "address", ["", "10.1.2.3", ":443", "10.1.2.3:", "10.1.2.3:0", "fd00::3:443", "h:443/path", "u@h:443", "h:70000"]
)
def test_another_server_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="must be host:port"):
        settings(server_address=address)


def test_a_server_address_for_a_url_that_already_has_an_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="the url's host is an address"):
        settings(url="https://10.1.2.3/CES", server_address="10.1.2.4:443")


def test_without_an_spn_it_is_the_hosts() -> None:
    assert settings(url="https://CES.corp.example:8443/CES").spn == "HTTP/ces.corp.example"


@pytest.mark.parametrize(
    "spn", ["HTTP/balancer.corp.example", "HTTP/ces.corp.example:8443", "host/ces1", "HTTP/10.1.2.3"]
)
def test_another_spn_can_be_given(spn: str) -> None:
    assert settings(service_principal_name=spn).spn == spn


def test_the_host_of_an_spn_is_asked_for_in_lower_case() -> None:
    assert settings(service_principal_name="HTTP/CES.Corp.Example").spn == "HTTP/ces.corp.example"


@pytest.mark.parametrize(
    "spn",
    [
        "",
        "ces.corp.example",
        "HTTP/",
        "HTTP/ces.corp.example@CORP.EXAMPLE",
        "HTTP/ces/instance",
        "HTTP/c es",
        "HTTP/c:",
    ],
)
def test_what_is_no_spn_is_refused(spn: str) -> None:
    with pytest.raises(ValidationError, match="service_principal_name"):
        settings(service_principal_name=spn)


@pytest.mark.parametrize(
    ("more", "server"),
    [
        ({"url": "https://CES.corp.example/CES"}, "ces.corp.example:443"),
        ({"url": "https://ces.corp.example:8443/CES"}, "ces.corp.example:8443"),
        ({"url": "https://[fd00::3]/CES"}, "[fd00::3]:443"),
        ({"server_address": "10.1.2.3:443"}, "10.1.2.3:443"),
    ],
)
def test_a_server_is_called_by_where_it_is_connected_to(more: dict[str, object], server: str) -> None:
    assert settings(**more).server == server


@pytest.mark.parametrize("name", ["priority", "weight"])
def test_priority_and_weight_begin_at_one(name: str) -> None:
    assert getattr(settings(), name) == 1
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        settings(**{name: 0})


@pytest.mark.parametrize("name", ["connect_seconds", "answer_seconds", "max_answer_bytes", "max_connections"])
def test_a_limit_of_zero_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        settings(**{name: 0})


def test_an_unknown_key_is_a_mistake_with_its_line() -> None:
    with pytest.raises(Mistaken, match=r"gateway.yaml:3: verify: unknown key"):
        parse(f"url: {URL}\ntrust: /etc/trust.pem\nverify: false\n", "gateway.yaml").validate(UpstreamSettings)


def test_no_answer_is_fetched_that_could_not_be_parsed() -> None:
    with pytest.raises(ValidationError, match="less than or equal to"):
        settings(max_answer_bytes=MAX_MESSAGE_BYTES + 1)
