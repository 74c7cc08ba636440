import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kerberos.pac import object_sid, sid_text
from tests.silver_tickets import a_sid, an_upn_dns_info

ALICE = bytes.fromhex(
    "2200180016004000020000000a0058001c0062000000000061006c0069006300650040006c00610062002e006500780061006d0070006c"
    "0065000000000000004c00410042002e004500580041004d0050004c004500000061006c00690063006500010500000000000515000000"
    "da7e55b46ccaaea369e975904e0400000000"
)
HEIDI = bytes.fromhex(
    "3000180016004800020000000a0060001c006a0000000000680065006900640069002e006a006f006e0065007300400063006f00720070"
    "002e006500780061006d0070006c0065004c00410042002e004500580041004d0050004c00450000006800650069006400690001050000"
    "0000000515000000da7e55b46ccaaea369e97590550400000000"
)
"""With a userPrincipalName of another suffix."""
PC1 = bytes.fromhex(
    "200018001600380003000000080050001c00580000000000500043003100240040006c00610062002e006500780061006d0070006c0065"
    "004c00410042002e004500580041004d0050004c00450000005000430031002400010500000000000515000000da7e55b46ccaaea369e9"
    "75905d04000000000000"
)
"""A computer; flag U says that it has no userPrincipalName."""
DOMAIN = "S-1-5-21-3025501914-2746141292-2423646569"

SID = a_sid(f"{DOMAIN}-1104")


@pytest.mark.parametrize(("captured", "identifier"), [(ALICE, 1102), (HEIDI, 1109), (PC1, 1117)])
def test_the_sid_that_samba_states_is_read(captured: bytes, identifier: int) -> None:
    assert object_sid(captured) == f"{DOMAIN}-{identifier}"


def test_an_old_kdc_states_no_sid() -> None:
    assert object_sid(an_upn_dns_info(SID, flags=1)) is None
    assert object_sid(bytes(12)) is None


def test_an_upn_dns_info_that_is_cut_off_is_refused() -> None:
    whole = an_upn_dns_info(SID)

    assert object_sid(whole) == f"{DOMAIN}-1104"
    for size in range(len(whole)):
        with pytest.raises(ValueError, match=r"UPN_DNS_INFO"):
            object_sid(whole[:size])


@pytest.mark.parametrize("offset", [0, 19, 0xFFFF])
def test_a_sid_outside_of_the_buffer_is_refused(offset: int) -> None:
    whole = bytearray(an_upn_dns_info(SID))
    whole[18:20] = offset.to_bytes(2, "little")

    with pytest.raises(ValueError, match="lies outside"):
        object_sid(bytes(whole))


@pytest.mark.parametrize(
    ("sid", "text"),
    [
        (bytes.fromhex("010100000000000100000000"), "S-1-1-0"),
        (bytes.fromhex("01020000000000052000000020020000"), "S-1-5-32-544"),
        (bytes.fromhex("0101ffffffffffff00000000"), "S-1-0xFFFFFFFFFFFF-0"),
        (bytes.fromhex("0101000100000000ffffffff"), "S-1-0x000100000000-4294967295"),
    ],
)
def test_sids_are_written_as_their_standard_has_it(sid: bytes, text: str) -> None:
    """[MS-DTYP] 2.4.2.1: an authority of more than 32 bits is hexadecimal."""
    assert sid_text(sid) == text


@pytest.mark.parametrize(
    "sid",
    [
        b"",
        SID[:7],
        SID[:-1],
        SID + b"\0",
        b"\x02" + SID[1:],
        bytes.fromhex("0100000000000005"),
        b"\x01\x10" + SID[2:8] + bytes(64),
    ],
)
def test_what_is_no_sid_is_refused(sid: bytes) -> None:
    with pytest.raises(ValueError, match="a SID of"):
        sid_text(sid)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(octets: bytes) -> None:
    for upn_dns_info in (octets, an_upn_dns_info(octets)):
        try:
            object_sid(upn_dns_info)
        except ValueError:
            continue
