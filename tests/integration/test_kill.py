"""`kill -9` at every step of an enrollment, and answers that get lost: no certificate twice, and none that is lost."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.app import now
from gateway.cli.lab_configuration import Ports
from gateway.lab.authority import Disposition, RequestRow
from gateway.lab.server import CA_1, Lab
from gateway.lab.world import World
from gateway.ledger.document import Line, read
from gateway.state.sqlite import SqliteState
from gateway.state.state import Table
from gateway.submission import Answered, InDoubt, Submission
from tests.requests import a_key, a_new_request
from tests.stand import Answer, Stand, service, write_stand_configuration

WEB = "www.partner-a.example"
ROOT = Path(__file__).parents[2]


@dataclass
class Gateways:
    """One after the other, on the same files."""

    stand: Stand
    process: asyncio.subprocess.Process
    steps_file: Path
    state_file: Path

    async def start(self, fatal: int = 0, how: str = "") -> None:
        self.steps_file.write_text("")
        await self._tell(f"{fatal} {how}")
        assert await self._heard() == "ready"

    async def stop(self) -> None:
        await self._tell("stop")
        assert await self._heard() == "gone"

    async def post(self, message: bytes) -> Answer | None:
        """None where the gateway died of it."""
        try:
            return await self.stand.post(message)
        except (OSError, ssl.SSLError, IndexError, ValueError):
            return None

    def steps(self) -> Sequence[str]:
        return self.steps_file.read_text().splitlines()

    def rows(self, request: bytes) -> Sequence[RequestRow]:
        """What the CA has of this request."""
        return [row for row in self.stand.lab.authorities[CA_1].requests.values() if row.request == request]

    async def ledger(self) -> Sequence[Submission]:
        state = await SqliteState.open(self.state_file, now)
        try:
            return [read(Line, entry).submission for entry in await state.page(Table.SUBMISSIONS, limit=10_000)]
        finally:
            await state.close()

    async def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def _heard(self) -> str:
        """The log goes the same way."""
        assert self.process.stdout is not None
        while line := (await self.process.stdout.readline()).decode().strip():
            if line in {"ready", "gone"} or line.startswith("failed"):
                return line
        raise AssertionError("the gateway's process has ended")


@pytest.fixture
async def gateways(world: World, tmp_path: Path) -> AsyncIterator[Gateways]:
    state_file = tmp_path / "state.sqlite"

    def change(content: dict[str, Any]) -> None:
        content["state"] = {"kind": "sqlite", "file": str(state_file)}
        # How long the next gateway waits for one that may still have the answer.
        service(content, "ca1-password")["upstream"] |= {"connect_seconds": 1, "answer_seconds": 1}

    async with Lab(world) as lab:
        ports = Ports.free()
        file = write_stand_configuration(world, lab, ports, tmp_path, change)
        steps_file = tmp_path / "steps"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faulty_gateway", str(file), str(steps_file),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        stand = Stand(world, lab, None, ports, tmp_path / "audit.jsonl")  # type: ignore[arg-type]
        try:
            yield Gateways(stand, process, steps_file, state_file)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def one_enrollment(gateways: Gateways, template: str = "PartnerWebServer") -> Sequence[str]:
    """The steps that it takes, as the injector finds them. From then on, the gateway knows a RequestID of the CA."""
    await gateways.start()
    answer = await gateways.post(gateways.stand.issue(a_new_request(WEB, template=template)))
    assert answer is not None
    assert answer.status == 200
    await gateways.stop()
    return gateways.steps()


async def enroll_through(gateways: Gateways, request: bytes, fatal: int, how: str = "") -> Answer:
    """A client that does not give up: its gateway dies, the next one comes, and it asks the same again."""
    await gateways.start(fatal, how)
    message = gateways.stand.issue(request)
    first = await gateways.post(message)
    await gateways.stop()
    if first is not None and first.status == 200:
        return first
    await gateways.start()
    again = await gateways.post(message)
    assert again is not None
    await gateways.stop()
    return again


@pytest.mark.timeout(600)
async def test_whenever_the_gateway_is_killed_there_is_one_certificate_and_the_client_has_it(
    gateways: Gateways,
) -> None:
    steps = await one_enrollment(gateways)
    assert len(steps) > 10, steps
    assert "before exchange" in steps, steps

    for fatal in range(1, len(steps) + 1):
        request = a_new_request(WEB)
        answer = await enroll_through(gateways, request, fatal)

        issued = [row for row in gateways.rows(request) if row.disposition is Disposition.ISSUED]
        killed = f"killed {steps[fatal - 1]}, step {fatal} of {steps}"
        lines = await gateways.ledger()
        if not issued:
            # In the ledger, and not at the CA: it is looked for, and not sent again before that is certain.
            assert "before exchange" not in steps[: fatal - 1], killed
            assert answer.fault.hresult == 0x800706BE, killed
            assert [line.request for line in lines if isinstance(line.outcome, InDoubt)].count(request) == 1, killed
        else:
            (row,) = issued
            assert row.certificate is not None
            assert answer.certificate == row.certificate.public_bytes(Encoding.DER), killed
            numbers = [line.outcome.ca_request_id for line in lines if isinstance(line.outcome, Answered)]
            assert numbers.count(str(row.request_id)) == 1, killed


@pytest.mark.timeout(600)
async def test_whenever_the_gateway_is_killed_a_pending_request_is_not_submitted_twice(gateways: Gateways) -> None:
    await one_enrollment(gateways)
    steps = await one_enrollment(gateways, "PartnerPending")

    for fatal in range(1 + steps.index("after exchange"), len(steps) + 1):
        request = a_new_request(WEB, template="PartnerPending")
        answer = await enroll_through(gateways, request, fatal)

        killed = f"killed {steps[fatal - 1]}, step {fatal} of {steps}"
        assert len(gateways.rows(request)) == 1, killed
        assert answer.find(".//wstep:RequestID"), killed
        requests = [line.request for line in await gateways.ledger()]
        assert requests.count(request) == 1


async def test_a_pending_request_whose_answer_is_lost_is_fetched_when_it_is_issued(gateways: Gateways) -> None:
    await one_enrollment(gateways)
    request = a_new_request(WEB, template="PartnerPending")
    pending = await enroll_through(gateways, request, 0, "deaf")
    (row,) = gateways.rows(request)
    gateways.stand.lab.authorities[CA_1].resolve(row.request_id)

    await gateways.start()
    fetched = await gateways.post(gateways.stand.query_token_status(pending.find(".//wstep:RequestID") or ""))
    await gateways.stop()

    (row,) = gateways.rows(request)
    assert fetched is not None
    assert row.certificate is not None
    assert fetched.certificate == row.certificate.public_bytes(Encoding.DER)


async def test_the_first_answer_of_a_ca_that_is_lost_is_found_when_another_has_come(gateways: Gateways) -> None:
    """Of one whose old rows are deleted, and that has no row yet whose number anybody knows."""
    request = a_new_request(WEB, key=a_key(name="first"))
    unknown = await enroll_through(gateways, request, 0, "deaf")
    assert unknown.fault.hresult == 0x800706BE

    await one_enrollment(gateways)
    answer = await enroll_through(gateways, request, 0)

    (row,) = gateways.rows(request)
    assert row.certificate is not None
    assert answer.certificate == row.certificate.public_bytes(Encoding.DER)


async def test_an_answer_that_is_lost_is_found_again_and_nothing_is_sent_twice(gateways: Gateways) -> None:
    await one_enrollment(gateways)
    request = a_new_request(WEB)

    answer = await enroll_through(gateways, request, 0, "deaf")

    (row,) = gateways.rows(request)
    assert row.certificate is not None
    assert answer.certificate == row.certificate.public_bytes(Encoding.DER)
