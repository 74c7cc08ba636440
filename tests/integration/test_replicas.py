"""Gateways that share their state are one: two replicas on a Redis server, two worker processes on a SQLite file.

Each is a process of its own, as `ces-gateway serve` starts it, before one lab.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli.lab_configuration import Ports
from gateway.lab.server import CA_1, Lab
from gateway.lab.world import World
from tests.redis_server import RedisServer
from tests.requests import a_new_request
from tests.stand import CEP_PASSWORD, CES_CERTIFICATE, Answer, Stand, write_stand_configuration

WEB = "www.partner-a.example"
BOB = "bob@partner-b.example"


@pytest.fixture(params=["redis", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Of the configuration."""
    if request.param == "sqlite":
        yield {"kind": "sqlite", "file": str(tmp_path / "state.sqlite")}
        return
    with RedisServer(tmp_path) as server:
        yield {"kind": "redis", "url": f"redis://127.0.0.1:{server.port}"}


@dataclass
class Replicas:
    """Two gateways, of which a client may meet either."""

    lab: Lab
    both: tuple[Stand, Stand]

    async def post_in_turn(self, *messages: bytes) -> list[Answer]:
        """All at once, every other one to each."""
        return await asyncio.gather(*(self.both[n % 2].post(message) for n, message in enumerate(messages)))


@asynccontextmanager
async def two(
    world: World, directory: Path, state: dict[str, Any], **limits: dict[str, Any]
) -> AsyncIterator[Replicas]:
    def change(content: dict[str, Any]) -> None:
        content |= {"state": state, "rate_limits": limits}

    async with Lab(world) as lab, AsyncExitStack() as stack:
        ports = Ports.free()
        content = yaml.safe_load(write_stand_configuration(world, lab, ports, directory, change).read_text())
        one, other = [
            await stack.enter_async_context(_serving(world, lab, directory / name, content))
            for name in ("one", "other")
        ]
        yield Replicas(lab, (one, other))


@asynccontextmanager
async def _serving(world: World, lab: Lab, place: Path, content: dict[str, Any]) -> AsyncIterator[Stand]:
    """One of them: a public address of both, as behind a balancer, and ports, a record and a log of its own."""
    record = place.with_suffix(".jsonl")
    listeners = [{**listener, "port": 0} for listener in content["listeners"]]
    file = world.directory / f"{place.parent.name}-{place.name}.yaml"
    own = {"audit": {"file": str(record)}, "management": {**content["management"], "port": 0}, "listeners": listeners}
    file.write_text(yaml.safe_dump({**content, **own}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "--config", str(file)), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        ports = []
        async for line in process.stdout:
            told = json.loads(line)
            if told["event"] == "listening":
                ports.append(told["port"])
            if told["event"] == "started":
                break
        yield Stand(world, lab, None, Ports(ports[0], ports[1], 0), record)  # type: ignore[arg-type]
    finally:
        process.terminate()
        await process.communicate()


def a_budget(burst: int) -> dict[str, Any]:
    """So many, and an hour for each one more."""
    return {"count": 1, "period": "1h", "burst": burst}


def request_id_of(pending: Answer) -> str:
    request_id = pending.find(".//wstep:RequestID")
    assert request_id, pending.body
    return request_id


async def test_what_was_asked_at_one_is_answered_by_the_other(
    world: World, tmp_path: Path, state: dict[str, Any]
) -> None:
    async with two(world, tmp_path, state) as replicas:
        one, other = replicas.both
        authority = replicas.lab.authorities[CA_1]

        # The identical request, after and beside the first one: one certificate.
        message = one.issue(a_new_request(WEB))
        first = await one.post(message)
        assert (await other.post(message)).certificate == first.certificate
        at_once = one.issue(a_new_request(WEB))
        answers = await replicas.post_in_turn(*[at_once] * 6)
        # Whoever comes in the very moment of another is told to come again.
        assert {answer.certificate for answer in answers if "Retry-After" not in answer.headers} == {
            (await one.post(at_once)).certificate
        }
        assert len(authority.requests) == 2

        # A pending request, polled and fetched where it was not submitted.
        request_id = request_id_of(await one.post(one.issue(a_new_request(WEB, template="PartnerPending"))))
        assert request_id_of(await other.post(other.query_token_status(request_id))) == request_id
        authority.resolve(max(authority.requests))
        fetched = await other.post(other.query_token_status(request_id))
        assert (await one.post(one.query_token_status(request_id))).certificate == fetched.certificate

        # One view, by one policyID.
        told = [await stand.post(stand.get_policies(), CEP_PASSWORD) for stand in replicas.both]
        assert told[0].body == told[1].body


async def test_every_pending_request_is_its_requester_s_alone_at_either(
    world: World, tmp_path: Path, state: dict[str, Any]
) -> None:
    async with two(world, tmp_path, state) as replicas:
        one, other = replicas.both
        bob = one.username_token(BOB, world.passwords[BOB])
        of_alice = [
            request_id_of(answer)
            for answer in await replicas.post_in_turn(
                *(one.issue(a_new_request(WEB, template="PartnerPending")) for _ in range(6))
            )
        ]
        of_a_certificate = request_id_of(
            await one.post(
                one.issue(a_new_request(WEB, template="PartnerPending"), security=""),
                CES_CERTIFICATE,
                client=world.partner_a,
            )
        )
        numbers_of_the_ca = [str(number) for number in replicas.lab.authorities[CA_1].requests]

        others = [*of_alice, of_a_certificate, *numbers_of_the_ca]
        refused = await replicas.post_in_turn(*(one.query_token_status(each, security=bob) for each in others))
        refused.append(await one.post(one.query_token_status(of_a_certificate)))
        refused += [
            await stand.post(stand.query_token_status(each, security=""), CES_CERTIFICATE, client=world.partner_a)
            for stand in replicas.both
            for each in of_alice
        ]

        assert [answer.fault.hresult for answer in refused] == [0x80094002] * (len(others) + 1 + 12)
        asked = await replicas.post_in_turn(*(other.query_token_status(each) for each in of_alice))
        assert [request_id_of(answer) for answer in asked] == of_alice


def served(answers: list[Answer]) -> list[Answer]:
    """All but those who were told to come later."""
    return [answer for answer in answers if "Retry-After" not in answer.headers]


async def test_no_budget_is_exceeded_by_one(world: World, tmp_path: Path, state: dict[str, Any]) -> None:
    limits = ("CertificatesPerAccount", "PollsPerRequest", "FailedAuthenticationsPerAccount")
    async with two(world, tmp_path, state, **{limit: a_budget(5) for limit in limits}) as replicas:
        one, _ = replicas.both
        pending = request_id_of(await one.post(one.issue(a_new_request(WEB, template="PartnerPending"))))

        polls = await replicas.post_in_turn(*[one.query_token_status(pending)] * 20)
        certificates = await replicas.post_in_turn(*(one.issue(a_new_request(WEB)) for _ in range(20)))
        guess = one.issue(a_new_request(WEB), security=one.username_token(BOB, "wrong"))
        guesses = await replicas.post_in_turn(*[guess] * 20)

        assert [answer.status for answer in served(polls)] == [200] * 5
        assert [answer.status for answer in served(certificates)] == [200] * 4, "and the pending one"
        assert [answer.status for answer in served(guesses)] == [500] * 5


async def test_an_address_has_no_request_more_at_two(world: World, tmp_path: Path, state: dict[str, Any]) -> None:
    async with two(world, tmp_path, state, RequestsPerAddress=a_budget(5)) as replicas:
        answers = await replicas.post_in_turn(*[replicas.both[0].get_policies()] * 20)

        assert len(served(answers)) == 5
