"""What the lab reads of tokens and PACs; tests/integration/kerberos/test_lab.py shows it whole."""

import pytest

from gateway.lab import negotiate


def test_a_sid_is_written_as_windows_does() -> None:
    sid = bytes.fromhex("010500000000000515000000a065cf3b7b9b5f46c2d6a82841060000")

    assert negotiate._sid_text(sid) == "S-1-5-21-1003447712-1180670843-682153666-1601"


@pytest.mark.parametrize("scheme", ["Negotiate", "negotiate", "NEGOTIATE"])
def test_the_scheme_is_compared_without_regard_to_case(scheme: str) -> None:
    assert negotiate._token(f"{scheme} YWJj") == b"abc"


@pytest.mark.parametrize("authorization", ["NTLM TlRMTVNTUAAB", "Negotiate TlRMTVNTUAAB"])
def test_ntlm_is_refused_under_either_name(authorization: str) -> None:
    with pytest.raises(negotiate._Refused, match="NTLM"):
        negotiate._token(authorization)
