import pytest
from pydantic import ValidationError

from gateway.telemetry import ConnectionRefusal
from gateway.web.limits import Admission, LimitSettings, address_text


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
    ],
)
def test_an_address_has_one_text(peer: str, text: str) -> None:
    assert address_text(peer) == text


def test_an_address_has_its_share_and_gets_it_back() -> None:
    admission = Admission(LimitSettings(max_connections_per_address=2))

    assert [admission.admit("192.0.2.7") for _ in range(3)] == [None, None, ConnectionRefusal.TOO_MANY_OF_ADDRESS]
    assert admission.admit("192.0.2.8") is None
    admission.leave("192.0.2.7")
    assert admission.admit("192.0.2.7") is None


def test_all_addresses_together_have_a_limit() -> None:
    admission = Admission(LimitSettings(max_connections=2))

    assert [admission.admit(f"192.0.2.{n}") for n in range(3)] == [None, None, ConnectionRefusal.TOO_MANY]
    admission.leave("192.0.2.0")
    assert admission.admit("192.0.2.9") is None


def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    admission = Admission(LimitSettings(max_connections_per_address=1))

    assert admission.admit("2001:db8:0:1::1") is None
    assert admission.admit("2001:db8:0:1:ffff::2") is ConnectionRefusal.TOO_MANY_OF_ADDRESS
    assert admission.admit("2001:db8:0:2::1") is None


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), "10"])
def test_a_limit_without_an_end_is_refused(seconds: object) -> None:
    with pytest.raises(ValidationError):
        LimitSettings.model_validate({"body_seconds": seconds})
