from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import NegotiateRefused, NegotiateTokenMalformed, NtlmRefused
from gateway.protocol.spnego import (
    MAX_MECH_TYPES,
    MAX_TOKEN_BYTES,
    KerberosToken,
    NegState,
    NegTokenResp,
    parse_kerberos_token,
    parse_neg_token_resp,
    rejection,
    render_reply,
)
from tests.requests import bit_string, octet_string, sequence, tlv
from tests.silver_tickets import (
    KERBEROS,
    MICROSOFT_KERBEROS,
    NEGOEX,
    NTLMSSP,
    SPNEGO,
    Service,
    a_neg_token_init,
    a_ticket,
    an_ap_req,
    framed,
)

MIT_NEG_TOKEN_INIT = bytes.fromhex(
    "6082024306062b0601050502a082023730820233a00d300b06092a864886f712010202a28202200482021c6082021806092a864886f712"
    "01020201006e82020730820203a003020105a10302010ea20703050020000000a382011b6182011730820113a003020105a10d1b0b4c41"
    "422e4558414d504c45a2263024a003020101a11d301b1b04485454501b13676174657761792e6c61622e6578616d706c65a381d43081d1"
    "a003020112a103020102a281c40481c1da446a64eff70e88a8c683b5674c3f5a9aa4ba67ae52442019422b51e178d5bb216bdfd6b5b6b1"
    "e988050ff8044dd20a3d9c50de1fff935636977dda4de38209370f7dd66a88004184c143222c3e89f796d742dfd5697ac796b1232cb039"
    "a94ae5d1da926d1ef37ef8ecf42e421e933427941fd2c7c017e693db894041746ee71e34293955587156e6f91cc05a51f59567c56f20f7"
    "4e97a9af24f6d0360e5ca3cdbe1def637482d1c1dacb4dda63278db319d1241b4d8c1d2fb74ddec377f8c7bba481ce3081cba003020112"
    "a281c30481c081e3eb1d09991fb218ad768004e0d619593942a671d71c91e74a0c0232bf2bc0268d7a77d429bc3e045e82c98d1e631d54"
    "0626ceb841a61537341b9d361f3548252ea7802cf02e7175573ceedede46a30c136b00fc91b66391c599587668a95ae955c12cfc1ac793"
    "ebeda65ee17cf622aec21359bc320b2b7ee99f5daf63adadfa6c998e00f232e5f0454cd40c05e6cef584363b8ca526bdde3082439d8ce7"
    "8729fac4fba8be52b28022f1ab08b2604587ebea197f4a4cb1cd85c40feb865fb8"
)
"""MIT krb5 1.20.1 (gss_init_sec_context), for HTTP/gateway.lab.example@LAB.EXAMPLE."""
MIT_NEG_TOKEN_RESP = bytes.fromhex(
    "a181b73081b4a0030a0100a10b06092a864886f712010202a2819f04819c60819906092a864886f71201020202006f8189308186a00302"
    "0105a10302010fa27a3078a003020112a271046f37810874a99ffb389a8934cb6bf77865a70be95d1ac03c2cd3c54de261b37ef97dea5b"
    "dfa474505f7845d0a43e26b9c74a5b748aee335ce1758a8b5169fd8a4f69806b428463e5ff9c187f84718e53a041ddb3be2b56843133f2"
    "13286b53b9de52b5cc0bcb0135b5a78d6259521cd4"
)
"""Its answer."""
MIT_REJECT = bytes.fromhex(
    "a17e307ca0030a0102a2750473607106092a864886f71201020203007e623060a003020105a10302011ea411180f323032363131323330"
    "35323235315aa5050203073be0a603020123a90d1b0b4c41422e4558414d504c45aa263024a003020101a11d301b1b04485454501b1367"
    "6174657761792e6c61622e6578616d706c65"
)
"""The answer of a service that is another (KRB_AP_ERR_NOT_US)."""
NTLM_NEGOTIATE = bytes.fromhex("4e544c4d5353500001000000378208e200000000280000000000000028000000000c04000000000f")
"""NEGOTIATE_MESSAGE, pyspnego 0.12.4."""

SERVICE = Service("HTTP/enroll.fabrikam.example", "CORP.FABRIKAM.EXAMPLE", key=b"k" * 32)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
AP_REQ = an_ap_req(a_ticket(SERVICE, client="alice", now=NOW), made_at=NOW)
WINDOWS = (MICROSOFT_KERBEROS, KERBEROS, NEGOEX, NTLMSSP)
"""What Windows offers, in its order."""
NTLM_CHALLENGE = tlv(0xA1, sequence(tlv(0xA1, b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")))
"""A NegTokenResp that chooses NTLM."""


# --- what a client sends --------------------------------------------------------------------------------------------


def test_a_token_of_mit_is_read() -> None:
    token = parse_kerberos_token(MIT_NEG_TOKEN_INIT)

    assert token.mech_type == KERBEROS
    assert MIT_NEG_TOKEN_INIT.endswith(token.token)
    assert token.ticket in token.token
    assert b"gateway.lab.example" in token.ticket


def test_a_token_as_windows_writes_it_is_read() -> None:
    """The mechanism's other name comes first; in the token itself stands the right one."""
    token = parse_kerberos_token(a_neg_token_init(*WINDOWS, mech_token=AP_REQ))

    assert (token.token, token.mech_type) == (AP_REQ, MICROSOFT_KERBEROS)


def test_kerberos_by_itself_is_read() -> None:
    token = parse_kerberos_token(AP_REQ)

    assert (token.token, token.mech_type) == (AP_REQ, None)


def test_flags_and_mic_of_the_negotiation_mean_nothing() -> None:
    """Java sends reqFlags."""
    flags, mic = tlv(0xA1, bit_string(b"\x40", 1)), tlv(0xA3, octet_string(b"mic"))
    inside = sequence(
        tlv(0xA0, sequence(b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")),
        flags,
        tlv(0xA2, octet_string(AP_REQ)),
        mic,
    )

    assert parse_kerberos_token(framed(SPNEGO, tlv(0xA0, inside))).token == AP_REQ


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(NTLM_NEGOTIATE, id="by itself"),
        pytest.param(a_neg_token_init(NTLMSSP, mech_token=NTLM_NEGOTIATE), id="alone"),
        pytest.param(a_neg_token_init(NTLMSSP, mech_token=None), id="alone, without a token"),
        pytest.param(a_neg_token_init(NTLMSSP, KERBEROS, mech_token=AP_REQ), id="preferred to Kerberos"),
        pytest.param(a_neg_token_init(*WINDOWS, mech_token=NTLM_NEGOTIATE), id="under Kerberos's name"),
        pytest.param(a_neg_token_init(NEGOEX, NTLMSSP, mech_token=b"NEGOEXTS"), id="behind NEGOEX"),
    ],
)
def test_ntlm_is_refused_wherever_it_stands(token: bytes) -> None:
    with pytest.raises(NtlmRefused):
        parse_kerberos_token(token)


@pytest.mark.parametrize(
    ("token", "objection"),
    [
        pytest.param(b"", "error parsing", id="nothing"),
        pytest.param(AP_REQ + b"\0", "error parsing", id="something behind it"),
        pytest.param(framed("1.3.6.1.5.2.5", b""), r"1\.3\.6\.1\.5\.2\.5 \(IAKERB\)", id="IAKERB"),
        pytest.param(framed("1.2.3", b""), r"mechanism 1\.2\.3$", id="an unknown mechanism"),
        pytest.param(framed(KERBEROS, b"\x02\x00"), "TOK_ID 0200", id="an AP-REP"),
        pytest.param(MIT_NEG_TOKEN_RESP, "NegTokenResp", id="a continuation"),
        pytest.param(framed(SPNEGO, MIT_NEG_TOKEN_RESP), "tag a1 where a0", id="a framed continuation"),
        pytest.param(framed(SPNEGO, tlv(0xA0, sequence())), r"field \[0\] is missing", id="no mechTypes"),
        pytest.param(a_neg_token_init(mech_token=AP_REQ), "no mechanism", id="empty mechTypes"),
        pytest.param(
            a_neg_token_init(*[KERBEROS] * (MAX_MECH_TYPES + 1), mech_token=AP_REQ), "more than 16", id="a flood"
        ),
        pytest.param(
            framed(SPNEGO, tlv(0xA0, sequence(tlv(0xA0, sequence(b"\x05\x00" * 16, b"garbage"))))),
            "more than 16",
            id="a flood of anything, of which no more is read",
        ),
        pytest.param(
            framed(SPNEGO, tlv(0xA0, sequence(b"\x05\x00" * 4, b"garbage"))), "more than 4", id="a flood of fields"
        ),
        pytest.param(a_neg_token_init(*WINDOWS, mech_token=None), "second leg", id="no token"),
        pytest.param(a_neg_token_init(NEGOEX, KERBEROS, mech_token=b"NEGOEXTS"), "NEGOEX", id="NEGOEX first"),
        pytest.param(a_neg_token_init(*WINDOWS, mech_token=b""), "error parsing", id="an empty token"),
        pytest.param(
            a_neg_token_init(KERBEROS, mech_token=framed(MICROSOFT_KERBEROS, AP_REQ)), "though it says", id="a lie"
        ),
        pytest.param(
            a_neg_token_init(KERBEROS, mech_token=AP_REQ, extra=tlv(0xA4, octet_string(b""))),
            "unknown",
            id="NegTokenInit2",
        ),
    ],
)
def test_what_is_not_one_token_of_kerberos_is_refused(token: bytes, objection: str) -> None:
    with pytest.raises(NegotiateTokenMalformed, match=objection):
        parse_kerberos_token(token)


def test_the_longest_token_of_windows_is_read_and_a_longer_one_is_not() -> None:
    padding = 48_000 - len(a_neg_token_init(*WINDOWS, mech_token=AP_REQ)) - 20
    mic = tlv(0xA3, octet_string(bytes(padding)))

    assert parse_kerberos_token(a_neg_token_init(*WINDOWS, mech_token=AP_REQ, extra=mic)).token == AP_REQ
    with pytest.raises(NegotiateTokenMalformed, match="at most 49152"):
        parse_kerberos_token(AP_REQ.ljust(MAX_TOKEN_BYTES + 1, b"\0"))


@given(
    st.binary(max_size=64)
    | st.builds(lambda at, by: AP_REQ[:at] + by + AP_REQ[at + 1 :], st.integers(0, 300), st.binary(max_size=2))
)
@example(b"\x60\x00")
@example(framed(SPNEGO, b""))
def test_any_bytes_are_a_token_or_refused(octets: bytes) -> None:
    for token in (octets, a_neg_token_init(KERBEROS, mech_token=octets), framed(SPNEGO, octets)):
        try:
            assert parse_kerberos_token(token).ticket in token
        except NegotiateRefused:
            continue


# --- what an acceptor answers ---------------------------------------------------------------------------------------


def test_the_answer_of_mit_is_read() -> None:
    answer = parse_neg_token_resp(MIT_NEG_TOKEN_RESP)

    assert (answer.neg_state, answer.supported_mech) == (NegState.ACCEPT_COMPLETED, KERBEROS)
    assert answer.response_token is not None
    assert MIT_NEG_TOKEN_RESP.endswith(answer.response_token)
    assert rejection(answer) is None


def test_a_rejection_says_why() -> None:
    answer = parse_neg_token_resp(MIT_REJECT)

    assert (answer.neg_state, answer.supported_mech) == (NegState.REJECT, None)
    assert rejection(answer) == "KRB_AP_ERR_NOT_US (35)"


@pytest.mark.parametrize("response_token", [None, b"", b"garbage", framed(KERBEROS, b"\x03\x00garbage")])
def test_a_rejection_without_a_reason_is_one(response_token: bytes | None) -> None:
    assert rejection(NegTokenResp(NegState.REJECT, None, response_token)) == "it does not say why"
    assert rejection(NegTokenResp(NegState.ACCEPT_COMPLETED, None, response_token)) is None


def test_a_krb_error_rejects_whatever_stands_around_it() -> None:
    krb_error = parse_neg_token_resp(MIT_REJECT).response_token

    assert rejection(NegTokenResp(None, None, krb_error)) == "KRB_AP_ERR_NOT_US (35)"


@pytest.mark.parametrize(
    "token", [b"", NTLM_CHALLENGE, NTLM_NEGOTIATE, AP_REQ, tlv(0xA1, sequence(tlv(0xA0, b"\x0a\x01\x04")))]
)
def test_what_is_no_answer_is_refused(token: bytes) -> None:
    with pytest.raises(NegotiateTokenMalformed, match="not an answer"):
        parse_neg_token_resp(token)


def test_an_answer_may_leave_everything_out() -> None:
    assert parse_neg_token_resp(tlv(0xA1, sequence())) == NegTokenResp(None, None, None)


@pytest.mark.parametrize("mech_type", [KERBEROS, MICROSOFT_KERBEROS])
def test_a_reply_names_the_mechanism_as_the_client_did(mech_type: str) -> None:
    reply = render_reply(KerberosToken(b"", b"", mech_type), b"AP-REP")

    assert parse_neg_token_resp(reply) == NegTokenResp(NegState.ACCEPT_COMPLETED, mech_type, b"AP-REP")


def test_a_reply_is_written_as_mit_writes_it() -> None:
    answer = parse_neg_token_resp(MIT_NEG_TOKEN_RESP)
    assert answer.response_token is not None

    assert render_reply(parse_kerberos_token(MIT_NEG_TOKEN_INIT), answer.response_token) == MIT_NEG_TOKEN_RESP


def test_without_mutual_authentication_the_reply_holds_no_token() -> None:
    assert parse_neg_token_resp(render_reply(KerberosToken(b"", b"", KERBEROS), b"")).response_token is None


def test_kerberos_by_itself_is_answered_by_itself() -> None:
    assert render_reply(KerberosToken(b"", b"", None), b"AP-REP") == b"AP-REP"


@given(st.binary(max_size=64))
def test_any_bytes_are_an_answer_or_refused(octets: bytes) -> None:
    for token in (octets, tlv(0xA1, octets), tlv(0xA1, sequence(tlv(0xA2, octet_string(octets))))):
        try:
            rejection(parse_neg_token_resp(token))
        except NegotiateTokenMalformed:
            continue
