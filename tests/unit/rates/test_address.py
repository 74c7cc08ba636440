import pytest

from gateway.rates.address import one_client


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::1", "0:0:0:0:ffff::", True),
    ],
)
def test_an_ipv6_network_is_one_client_and_an_ipv4_address_another(one: str, other: str, is_same: bool) -> None:
    assert (one_client(one) == one_client(other)) is is_same
