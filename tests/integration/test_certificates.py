"""`ces-gateway certificates`, as a user runs it, beside a gateway that runs."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway.lab.server import CA_1
from gateway.lab.world import World
from gateway.state.state import Table
from gateway.submission import Submission, Withheld
from tests.integration.test_cli import Ran, run
from tests.ledger import DAY, a_line, in_doubt, keep
from tests.redis_server import RedisServer
from tests.requests import a_certification_request, a_new_request
from tests.stand import ALICE, Stand, a_stand

WEB = "www.partner-a.example"
PARTNERS = [{"name": "partner-a", "accounts": ["@partner-a.example"]}]


@dataclass
class Ledger:
    """A running gateway, and the command beside it."""

    stand: Stand
    file: Path

    async def run(self, *options: str) -> Ran:
        return await run("certificates", "--config", self.file, *options)

    async def listed(self, *options: str) -> list[dict[str, Any]]:
        ran = await self.run(*options, "--json")
        assert ran.code == 0, ran.errors
        rows: list[dict[str, Any]] = json.loads(ran.output)
        return rows

    async def keep(self, *lines: Submission) -> None:
        await keep(self.stand.app.state, *lines, at=datetime.now(UTC))

    async def enroll(self) -> x509.Certificate:
        request = a_certification_request(f"CN={WEB}", dns=(WEB,))
        answer = await self.stand.post(self.stand.issue(request, template="PartnerWebServer"))
        return x509.load_der_x509_certificate(answer.certificate)


@pytest.fixture
async def ledger(world: World, tmp_path: Path) -> AsyncIterator[Ledger]:
    async with a_stand(world, tmp_path, lambda content: content.update(partners=PARTNERS)) as stand:
        yield Ledger(stand, world.directory / f"{tmp_path.name}.yaml")


def a_line_of_now(request_id: str, name: str, **changes: Any) -> Submission:
    return a_line(request_id, name, at=datetime.now(UTC).replace(microsecond=0), **changes)


async def test_what_was_issued_is_listed_beside_the_running_gateway(ledger: Ledger) -> None:
    certificate = await ledger.enroll()

    (row,) = await ledger.listed()
    table = await ledger.run()

    assert (row["stage"], row["partner"], row["account"], row["template"]) == (
        "valid",
        "partner-a",
        ALICE,
        "PartnerWebServer",
    )
    assert row["subject"] == f"CN={WEB}"
    assert row["subject_alternative_name"] == [f"dNSName:{WEB}"]
    assert row["certificate"]["serial_number"] == f"{certificate.serial_number:x}"
    assert row["certificate"]["not_after"] == f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    (answered,) = ledger.stand.audit("answered")
    assert (row["request_id"], row["ca_request_id"]) == (answered["request_id"], answered["ca_request_id"])
    assert table.output.splitlines()[1].split() == [
        "valid",
        f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%MZ}",
        "partner-a",
        ALICE,
        "PartnerWebServer",
        f"CN={WEB}",
    ]


async def test_each_option_leaves_what_fits(ledger: Ledger) -> None:
    await ledger.keep(
        a_line_of_now("1", "late", ends=5 * DAY),
        a_line_of_now("2", "renewed", ends=5 * DAY),
        a_line_of_now("3", "renewed", ends=300 * DAY),
        a_line_of_now("4", "other", ends=60 * DAY, account="Bob", partner=None, template="Machine"),
        a_line_of_now("5", "over", ends=-1 * DAY),
        a_line_of_now("6", "lost", **in_doubt(at=datetime.now(UTC))),
    )

    async def found(*options: str) -> list[str]:
        return [row["request_id"] for row in await ledger.listed(*options)]

    assert await found() == ["5", "6", "1", "2", "4", "3"]
    assert await found("--partner", "") == ["4"]
    assert await found("--partner", "partner-a", "--template", "webserver", "--ending", "1w") == ["1"]
    assert await found("--account", "BOB") == ["4"]
    assert await found("--in-doubt") == ["6"]


async def test_the_silent_are_shown_until_they_try(ledger: Ledger) -> None:
    late = a_line_of_now("1", "late", ends=5 * DAY, account=ALICE)
    await ledger.keep(late)

    silent = await ledger.run("--silent")
    assert silent.code == 0, silent.errors
    assert "SILENT: ends soon since" in silent.output

    refused = await ledger.stand.post(ledger.stand.issue(a_certification_request("CN=x"), template="Unheard of"))
    assert refused.status == 500
    assert (await ledger.run("--silent")).output == "none\n"


async def test_what_is_in_doubt_is_told_with_what_to_do(ledger: Ledger) -> None:
    request = a_certification_request(f"CN={WEB}", dns=(WEB,))
    since = timedelta(days=2, hours=5, minutes=30)
    await ledger.keep(a_line_of_now("1", "lost", **in_doubt(since=since, at=datetime.now(UTC)), request=request))

    ran = await ledger.run("--in-doubt")

    assert ran.code == 0, ran.errors
    assert f"CN={WEB}" in ran.output
    assert "look on the CA Corp Issuing CA 1 for the template WebServer, asked for by alice" in ran.output
    wanted = "Request.SubmittedWhen>=now-2:07,Request.SubmittedWhen<=now-2:03,RequestID>16"
    assert f'certutil -view -restrict "{wanted}" -out "RequestID,' in ran.output
    assert "the client may ask anew at any time" in ran.output


async def test_what_the_ca_has_denied_is_not_pending_any_more(ledger: Ledger) -> None:
    stand = ledger.stand
    pending = await stand.post(stand.issue(a_new_request(WEB, template="PartnerPending")))
    assert [row["stage"] for row in await ledger.listed()] == ["pending"]
    authority = stand.lab.authorities[CA_1]
    authority.resolve(max(authority.requests), issue=False)

    await stand.post(stand.query_token_status(pending.find(".//wstep:RequestID") or ""))

    assert [row["stage"] for row in await ledger.listed()] == ["denied"]


async def test_a_withheld_certificate_leads_to_the_audit_record(ledger: Ledger) -> None:
    await ledger.keep(a_line_of_now("1", "bad", outcome=Withheld("ab" * 32)))

    assert f"SHA-256 {'ab' * 32}: the line `withheld` of the audit record" in (await ledger.run()).output
    assert (await ledger.listed())[0]["withheld_sha256"] == "ab" * 32


async def test_a_name_does_not_command_the_terminal(ledger: Ledger) -> None:
    await ledger.keep(a_line_of_now("1", "\x1b[2J\u202e", account="a\x9bb"))

    ran = await ledger.run()

    assert not {"\x1b", "\x9b", "\u202e"} & set(ran.output)
    assert "CN=\ufffd[2J\ufffd" in ran.output


async def test_what_no_version_has_written_is_told(ledger: Ledger) -> None:
    expires = datetime.now(UTC) + DAY
    await ledger.stand.app.state.put(Table.SUBMISSIONS, "1", b"{}", expires=expires, replaces=None)

    ran = await ledger.run()

    assert (ran.code, ran.output) == (1, "")
    assert "was it written by a newer version of the gateway?" in ran.errors


async def test_replicas_have_one_list_in_redis(world: World, tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        state = {"kind": "redis", "url": f"redis://127.0.0.1:{server.port}"}
        async with a_stand(world, tmp_path, lambda content: content.update(state=state)) as stand:
            ledger = Ledger(stand, world.directory / f"{tmp_path.name}.yaml")
            await ledger.enroll()

            assert [row["account"] for row in await ledger.listed()] == [ALICE]

            server.kill()
            ran = await ledger.run()

    assert ran.code == 1
    assert "the Redis server 127.0.0.1" in ran.errors
    assert "Traceback" not in ran.errors


async def test_a_gateway_that_has_not_run_has_no_list_and_none_is_made(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path):
        pass
    state = tmp_path / "state.sqlite"
    state.unlink()

    ran = await run("certificates", "--config", world.directory / f"{tmp_path.name}.yaml")

    assert ran.code == 1
    assert f"{state} does not exist: has the gateway run here" in ran.errors
    assert not state.exists()


async def test_what_is_in_the_memory_of_a_process_is_not_seen_by_another(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path, lambda content: content.update(state={"kind": "memory"})):
        ran = await run("certificates", "--config", world.directory / f"{tmp_path.name}.yaml")

    assert ran.code == 1
    assert "in the memory of the gateway" in ran.errors


async def test_a_time_that_is_none_is_not_understood(ledger: Ledger) -> None:
    ran = await ledger.run("--ending", "soon")

    assert ran.code == 2
    assert "'soon' is not as in 12h, 30d or 6w" in ran.errors
