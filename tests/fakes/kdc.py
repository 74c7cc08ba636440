"""A KDC on loopback that asks nobody for a proof and issues tickets to all who ask (RFC 4120 3.1, 3.3).

    async with FakeKdc("CORP.EXAMPLE", passwords={"alice": "secret"}, keys={"svc-gateway": key}) as kdc: ...

It knows the passwords and keys that it is given, and encrypts for everybody else with a key of its own: an impostor is
one that knows few. `error` makes it answer with that error instead; while `gate` is not set, it answers nobody.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import krb5

from gateway.protocol import der
from tests.requests import bit_string, integer, octet_string, sequence, tlv
from tests.silver_tickets import (
    _SESSION_KEY,
    AES256,
    _encrypted,
    _general_string,
    _principal_name,
    _time,
    a_pac,
)

_AS_REQ, _AS_REP, _ENC_AS_REP_PART = 10, 11, 25
_TGS_REQ, _TGS_REP, _ENC_TGS_REP_PART = 12, 13, 26
_PA_ENC_TIMESTAMP, _PA_ETYPE_INFO2 = 2, 19
_KDC_ERR_PREAUTH_FAILED, _KDC_ERR_PREAUTH_REQUIRED = 24, 25
_OWN_KEY = b"k" * 32
_LIFETIME = timedelta(hours=10)


class FakeKdc:
    """Listens on a free port of 127.0.0.1; one request for each connection."""

    def __init__(
        self, realm: str, passwords: Mapping[str, str] | None = None, keys: Mapping[str, bytes] | None = None
    ) -> None:
        """`keys` are AES-256 keys, by the first component of a principal name; `passwords` too."""
        self.realm = realm
        self.keys = {name: key_of(realm, name, password) for name, password in (passwords or {}).items()}
        self.keys |= keys or {}
        self.requests: list[bytes] = []
        self.asked = asyncio.Semaphore(0)
        """Released with each request."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: int | None = None
        """Of RFC 4120 7.5.9."""
        self.refuses_proofs = False
        """Whether it asks for pre-authentication, and takes none."""
        self.proofs = 0
        """Which it was shown: each one would have counted as a wrong password."""
        self.lifetime = _LIFETIME
        self.ahead = timedelta(0)
        """Of its clock."""
        self.sid: str | None = "S-1-5-21-1-2-3-1104"
        """Which it states of whoever asks, in a PAC."""
        self._client = b""

    @property
    def address(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
            self.requests.append(request)
            self.asked.release()
            await self.gate.wait()
            answer = self.answer(request)
            writer.write(len(answer).to_bytes(4) + answer)
            await writer.drain()
        except (EOFError, OSError):
            pass
        finally:
            writer.close()

    def answer(self, request: bytes) -> bytes:
        if self.error is not None:
            return a_krb_error(self.error, self.realm)
        kind = request[0] & 0x1F
        kdc_req = der.fields(der.contents(request, request[0]), 5)
        if self.refuses_proofs:
            return self._refuse_proof(kdc_req.get(3))
        body = der.fields(kdc_req[4], 12)
        if kind == _AS_REQ:
            self._client = body[1]
            return self._reply(_AS_REP, _ENC_AS_REP_PART, body, self._key(body[1]), usage=3)
        assert kind == _TGS_REQ
        return self._reply(_TGS_REP, _ENC_TGS_REP_PART, body, _SESSION_KEY, usage=8)

    def _refuse_proof(self, padata: bytes | None) -> bytes:
        """RFC 4120 5.2.7."""
        types = [der.integer(der.fields(element, 3)[1]) for element in der.elements(padata or sequence(), 9)]
        if _PA_ENC_TIMESTAMP in types:
            self.proofs += 1
            return a_krb_error(_KDC_ERR_PREAUTH_FAILED, self.realm)
        aes = sequence(sequence(tlv(0xA0, integer(AES256))))
        wanted = ((_PA_ENC_TIMESTAMP, b""), (_PA_ETYPE_INFO2, aes))
        method_data = sequence(
            *(sequence(tlv(0xA1, integer(kind)), tlv(0xA2, octet_string(value))) for kind, value in wanted)
        )
        return a_krb_error(_KDC_ERR_PREAUTH_REQUIRED, self.realm, method_data)

    def _key(self, principal_name: bytes) -> bytes:
        return self.keys.get(_text_of(principal_name).split("/")[0], _OWN_KEY)

    def _reply(self, kind: int, enc_part: int, body: Mapping[int, bytes], key: bytes, *, usage: int) -> bytes:
        """KDC-REP, EncKDCRepPart and Ticket (RFC 4120 5.3, 5.4.2)."""
        now = datetime.now(UTC) + self.ahead
        name = self._client
        pac = a_pac(sid=self.sid).authorization_data(_text_of(name), now, self._key(body[3]))
        session_key = tlv(0xA0, integer(AES256)) + tlv(0xA1, octet_string(_SESSION_KEY))
        flags = bit_string(b"\x40\x40\x00\x00" if kind == _AS_REP else b"\x40\x00\x00\x00")
        times = tlv(0xA5, _time(now)), tlv(0xA6, _time(now)), tlv(0xA7, _time(now + self.lifetime))
        no_transit = tlv(0xA4, sequence(tlv(0xA0, integer(1)), tlv(0xA1, octet_string(b""))))
        enc_ticket_part = tlv(
            0x63,
            sequence(
                tlv(0xA0, flags),
                tlv(0xA1, sequence(session_key)),
                tlv(0xA2, _general_string(self.realm)),
                tlv(0xA3, name),
                no_transit,
                *times,
                tlv(0xAA, pac),
            ),
        )
        ticket = tlv(
            0x61,
            sequence(
                tlv(0xA0, integer(5)),
                tlv(0xA1, _general_string(self.realm)),
                tlv(0xA2, body[3]),
                tlv(0xA3, _encrypted(self._key(body[3]), 2, enc_ticket_part, 1)),
            ),
        )
        enc_kdc_rep_part = tlv(
            0x60 | enc_part,
            sequence(
                tlv(0xA0, sequence(session_key)),
                tlv(0xA1, sequence(sequence(tlv(0xA0, integer(0)), tlv(0xA1, _time(now))))),
                tlv(0xA2, body[7]),
                tlv(0xA4, flags),
                *times,
                tlv(0xA9, _general_string(self.realm)),
                tlv(0xAA, body[3]),
            ),
        )
        return tlv(
            0x60 | kind,
            sequence(
                tlv(0xA0, integer(5)),
                tlv(0xA1, integer(kind)),
                tlv(0xA3, _general_string(self.realm)),
                tlv(0xA4, name),
                tlv(0xA5, ticket),
                tlv(0xA6, _encrypted(key, usage, enc_kdc_rep_part)),
            ),
        )


def _text_of(principal_name: bytes) -> str:
    return "/".join(component[2:].decode() for component in der.elements(der.fields(principal_name, 2)[1], 9))


def a_krb_error(code: int, realm: str = "CORP.EXAMPLE", e_data: bytes | None = None) -> bytes:
    """RFC 4120 5.9.1."""
    return tlv(
        0x7E,
        sequence(
            tlv(0xA0, integer(5)),
            tlv(0xA1, integer(30)),
            tlv(0xA4, _time(datetime.now(UTC))),
            tlv(0xA5, integer(0)),
            tlv(0xA6, integer(code)),
            tlv(0xA9, _general_string(realm)),
            tlv(0xAA, _principal_name(f"krbtgt/{realm}")),
            b"" if e_data is None else tlv(0xAC, octet_string(e_data)),
        ),
    )


def key_of(realm: str, name: str, password: str) -> bytes:
    """As RFC 3962 4 derives it, with the salt of RFC 4120 4 (for users, Active Directory's too)."""
    salt = f"{realm}{name}".encode()
    return krb5.c_string_to_key(krb5.init_context(), AES256, password.encode(), salt).data
