"""Many accounts at once, for long, with clients that give up and try again and an operator who reloads meanwhile.

What must never happen is a certificate for the wrong account: each one that anybody got is held against who asked.
"""

import asyncio
import base64
import random
import ssl
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.lab.world import GATEWAY_HOST
from tests.domain_stand import (
    ACTION_RST,
    CES_CERTIFICATE,
    CES_KERBEROS,
    CES_PASSWORD,
    DomainStand,
    Identity,
    Setting,
    a_domain_stand,
    a_request,
    identity_in,
)
from tests.rates import PLENTY
from tests.requests import a_key
from tests.stand import Answer

ENROLLMENTS = 10_000
NAMES = [f"u{n:02}" for n in range(1, 51)]
AT_ONCE = 40
SHARES = {"certificate": 80, "password": 10, "kerberos": 10}
"""Percent of the enrollments, by the way of authentication."""
CANCELLED = 0.05
RELOADS = 50
SEED = 20261123


@dataclass
class Storm:
    stand: DomainStand
    random: random.Random
    identities: dict[str, Identity]
    sessions: dict[str, aiohttp.ClientSession] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    async def enroll(self, name: str) -> None:
        """Until it has a certificate; a client that has given up tries again."""
        while True:
            (way,) = self.random.choices([*SHARES], [*SHARES.values()])
            call = asyncio.ensure_future(self.post(name, way))
            if self.random.random() < CANCELLED:
                # At some await of the client's; the gateway may have seen nothing of it, or all.
                for _ in range(self.random.randrange(1, 40)):
                    await asyncio.sleep(0)
                if call.cancel():
                    self.outcomes["cancelled"] += 1
                    await asyncio.wait([call])
                    continue
            answer = await call
            assert answer.status == 200, answer.body
            self.check(name, answer.certificate)
            self.outcomes[way] += 1
            return

    def check(self, name: str, der: bytes) -> None:
        assert identity_in(der) == self.identities[name]
        key = x509.load_der_x509_certificate(der).public_key()
        assert key.public_bytes(*SPKI) == a_key(name=name).public_key().public_bytes(*SPKI)

    async def post(self, name: str, way: str) -> Answer:
        stand = self.stand
        domain = stand.setting.domain
        headers = {"Host": GATEWAY_HOST, "Content-Type": "application/soap+xml; charset=utf-8"}
        security, path, port = "", CES_CERTIFICATE, stand.ports.https_certificate
        if way == "password":
            security = stand.username_token(f"{name}@{domain.dns_domain}", domain.password(name))
            path, port = CES_PASSWORD, stand.ports.https
        if way == "kerberos":
            initiation = await stand.initiate(name, domain.password(name))
            headers["Authorization"] = f"Negotiate {base64.b64encode(initiation.token).decode()}"
            path, port = CES_KERBEROS, stand.ports.https
        body = stand.envelope(ACTION_RST, stand.issue_body(a_request(name), template="CorpUser"), security=security)
        async with self.sessions[name].post(
            f"https://127.0.0.1:{port}{path}",
            data=body,
            headers=headers,
            server_hostname=GATEWAY_HOST,
        ) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def reload_now_and_then(self) -> None:
        """SIGHUP, as often as there is something going on."""
        for n in range(1, RELOADS):
            while self.outcomes.total() < n * ENROLLMENTS // RELOADS:  # noqa: ASYNC110 -- nobody tells
                await asyncio.sleep(0.01)
            self.stand.app.reload()


SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def a_session(stand: DomainStand, name: str) -> aiohttp.ClientSession:
    """One client: its own certificate, and connections that it keeps."""
    context = ssl.create_default_context(cafile=stand.world.public_ca)
    pair = stand.setting.clients[name]
    context.load_cert_chain(pair.certificate, pair.key)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=2))


@pytest.mark.timeout(1800)
async def test_ten_thousand_enrollments_of_fifty_accounts_lead_to_no_certificate_for_the_wrong_one(
    setting: Setting, tmp_path: Path
) -> None:
    def change(content: dict[str, Any]) -> None:
        # All the clients are on this machine.
        content["limits"] = {"max_connections_per_address": 500}
        content["rate_limits"] = PLENTY

    async with a_domain_stand(setting, tmp_path, change) as stand:
        await _storm(stand)
        _check_what_the_inside_saw(stand)


async def _storm(stand: DomainStand) -> None:
    storm = Storm(
        stand,
        random.Random(SEED),
        {name: stand.identity_of(name) for name in NAMES},
        {name: a_session(stand, name) for name in NAMES},
    )
    waiting = [name for name in NAMES for _ in range(ENROLLMENTS // len(NAMES))]
    storm.random.shuffle(waiting)

    async def client() -> None:
        while waiting:
            await storm.enroll(waiting.pop())

    try:
        async with asyncio.TaskGroup() as group:
            reloads = group.create_task(storm.reload_now_and_then())
            async with asyncio.TaskGroup() as clients:
                for _ in range(AT_ONCE):
                    clients.create_task(client())
            reloads.cancel()
    finally:
        for session in storm.sessions.values():
            await session.close()

    assert sum(storm.outcomes[way] for way in SHARES) == ENROLLMENTS
    assert all(storm.outcomes[what] > 0 for what in ("cancelled", *SHARES))


def _check_what_the_inside_saw(stand: DomainStand) -> None:
    """Every certificate that the CA made, for clients that had gone too: for whom the record says, and with his key."""
    keys = {a_key(name=name).public_key().public_bytes(*SPKI): name for name in NAMES}
    for row in stand.lab.issued:
        assert row.certificate is not None
        assert keys[row.certificate.public_key().public_bytes(*SPKI)] == row.requester.name
    approved = {line["call_id"]: line["account"] for line in stand.audit("approved")}
    answered = stand.audit("answered")
    assert len(stand.lab.issued) == len(answered) == len(approved)
    for line in answered:
        account = approved[line["call_id"]]
        assert line["account"] == line["ticket"]["account"] == account
        assert line["certificate"]["subject"].startswith(f"CN={account.partition('@')[0]},")
    stand.assert_audit_is_intact()
