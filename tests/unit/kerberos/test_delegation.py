"""What tickets are asked for is shown in tests/integration, against a real directory."""

import pytest

from gateway.kerberos.delegation import _principal_name
from tests.builders import an_account


@pytest.mark.parametrize(
    ("name", "principal"),
    [
        ("alice", "alice@CORP.EXAMPLE"),
        ("PC1$", "PC1$@CORP.EXAMPLE"),
        ("HTTP/ces", r"HTTP\/ces@CORP.EXAMPLE"),
        ("alice@OTHER.EXAMPLE", r"alice\@OTHER.EXAMPLE@CORP.EXAMPLE"),
        ("a\\", "a\\\\@CORP.EXAMPLE"),
        ("jürgen", "jürgen@CORP.EXAMPLE"),
    ],
)
def test_an_account_is_one_name_whatever_stands_in_it(name: str, principal: str) -> None:
    assert _principal_name(an_account(name)) == principal
