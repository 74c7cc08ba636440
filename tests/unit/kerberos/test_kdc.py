"""What `kdc.ask` does is shown by test_relay."""

import pytest

from gateway.kerberos import kdc


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("dc1.corp.example", "dc1.corp.example", 88),
        ("dc1.corp.example:1088", "dc1.corp.example", 1088),
        ("10.1.2.3", "10.1.2.3", 88),
        ("10.1.2.3:1088", "10.1.2.3", 1088),
        ("fd00::3", "fd00::3", 88),
        ("[fd00::3]:1088", "fd00::3", 1088),
    ],
)
def test_a_kdc_is_a_host_and_perhaps_a_port(text: str, host: str, port: int) -> None:
    assert kdc._parse(text) == (host, port)


@pytest.mark.parametrize("text", ["dc1:", ":88", "dc1:0", "dc1:65536", "dc1:kerberos", "dc1:-1", "dc1:٨٨"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host, host:port"):
        kdc._parse(text)
