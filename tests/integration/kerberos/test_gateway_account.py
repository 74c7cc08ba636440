"""What can be wrong with the gateway's own account, its KDCs and its directory: each has a reason of its own.

Whoever does not need what is broken is served meanwhile.
"""

import asyncio
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.diagnosis import DIAGNOSES
from gateway.lab.clients import issue_clients
from gateway.lab.domain import CORP, Domain
from gateway.strict_yaml import Mistaken
from tests.domain_stand import (
    DomainStand,
    Setting,
    a_domain_stand,
    both,
    identity_in,
    kerberos_settings,
    transition,
)
from tests.fakes.gate import Gate
from tests.integration.kerberos.conftest import TEMPLATES
from tests.stand import Change

UNLISTED = "HTTP/gateway2.corp.fabrikam.example"
UNKNOWN = "HTTP/nowhere.corp.fabrikam.example"


def account(domain: Domain, name: str) -> Change:
    return kerberos_settings(account=name, keytab=str(domain.keytab(name)))


def spn(text: str) -> Change:
    def change(content: dict[str, Any]) -> None:
        for service in content["services"]:
            service["upstream"]["service_principal_name"] = text

    return change


def directory(*servers: str) -> Change:
    def change(content: dict[str, Any]) -> None:
        content["realms"][0]["directory"] = {"servers": list(servers), "seconds": 1}

    return change


async def refusal(stand: DomainStand, way: str = "certificate") -> tuple[str, str]:
    """Reason and diagnosis of alice's enrollment, which fails; nothing was issued."""
    answer = await stand.enroll("alice", way)
    assert answer.status == 500
    assert stand.lab.issued == []
    told = await stand.refusal_of(answer)
    assert told["diagnosis"] in DIAGNOSES
    assert "corp.fabrikam.example" not in answer.body.decode().lower()
    return told["reason"], told["diagnosis"]


@pytest.mark.parametrize("name", ["svc-gateway2", "svc-gateway3"])
async def test_an_account_without_the_right_to_transition_is_not_the_user_s_fault(
    setting: Setting, tmp_path: Path, name: str
) -> None:
    async with a_domain_stand(setting, tmp_path, account(setting.domain, name)) as stand:
        assert await refusal(stand) == ("delegation_not_trusted", "D54")


async def test_a_service_that_is_not_on_the_delegation_list_is_named(setting: Setting, tmp_path: Path) -> None:
    async with a_domain_stand(setting, tmp_path, spn(UNLISTED)) as stand:
        assert await refusal(stand) == ("delegation_not_listed", "D22")
        assert UNLISTED in stand.audit("refused")[0]["detail"]


@pytest.mark.parametrize("way", ["certificate", "password", "kerberos"])
async def test_an_spn_that_nobody_has_is_told_apart(setting: Setting, tmp_path: Path, way: str) -> None:
    async with a_domain_stand(setting, tmp_path, spn(UNKNOWN)) as stand:
        assert await refusal(stand, way) == ("service_principal_unknown", "D17")


async def test_a_service_that_does_not_take_the_ticket_is_told_apart(setting: Setting, tmp_path: Path) -> None:
    change = both(spn("HTTP/gateway3.corp.fabrikam.example"), transition("own_account"))
    async with a_domain_stand(setting, tmp_path, change) as stand:
        assert await refusal(stand) == ("ticket_refused_inside", "D67")


@contextmanager
def another_password(domain: Domain, name: str) -> Iterator[None]:
    domain.ldb().set_password(name, "An0ther-Passw0rd")
    try:
        yield
    finally:
        domain.ldb().unlock(name)
        domain.ldb().set_password(name, domain.password(name))


async def ready(stand: DomainStand) -> tuple[int, list[str]]:
    """The status, and what is not ready."""
    status, body = await readiness(stand)
    return status, [check["name"] for check in body["checks"] if not check["ready"]]


async def troubles(stand: DomainStand) -> dict[str, str]:
    _, body = await readiness(stand)
    found: dict[str, str] = body["troubles"]
    return found


async def readiness(stand: DomainStand) -> tuple[int, dict[str, Any]]:
    management = stand.app.management
    assert management is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{management.port}/readyz") as response,
    ):
        return response.status, json.loads(await response.read())


async def test_a_stale_keytab_is_tried_once_and_healed_by_a_new_file(setting: Setting, tmp_path: Path) -> None:
    domain = setting.domain
    keytab = tmp_path / "gateway.keytab"
    shutil.copy(domain.keytab("svc-gateway3"), keytab)
    change = both(kerberos_settings(account="svc-gateway3", keytab=str(keytab)), transition("own_account"))
    with another_password(domain, "svc-gateway3"):
        async with a_domain_stand(setting, tmp_path, change) as stand:
            for _ in range(5):
                assert await refusal(stand) == ("own_keytab_refused", "D55")
            assert await ready(stand) == (503, ["realm CORP.FABRIKAM.EXAMPLE keytab"])
            assert domain.ldb().attributes("svc-gateway3", "badPwdCount")["badPwdCount"] == ("1",)

            new = tmp_path / "new.keytab"
            domain.ldb().export_keytab("svc-gateway3", new)
            new.replace(keytab)

            assert (await stand.fetch_policies("alice", "certificate")).status == 200
            assert await ready(stand) == (200, [])


async def test_readiness_tells_of_a_refused_keytab_while_the_older_ticket_still_serves(
    setting: Setting, tmp_path: Path
) -> None:
    domain = setting.domain
    keytab = tmp_path / "gateway.keytab"
    shutil.copy(domain.keytab("svc-gateway3"), keytab)
    change = both(
        kerberos_settings(account="svc-gateway3", keytab=str(keytab), ticket_seconds=0), transition("own_account")
    )
    async with a_domain_stand(setting, tmp_path, change) as stand:
        assert (await stand.fetch_policies("alice", "certificate")).status == 200
        with another_password(domain, "svc-gateway3"):
            # A change of the file is a reason to ask for a ticket with it, beside the call.
            keytab.touch()
            assert (await stand.fetch_policies("bob", "certificate")).status == 200
            while not (told := await troubles(stand)):  # noqa: ASYNC110 -- nobody waits for that request
                await asyncio.sleep(0.01)

            assert (await ready(stand))[0] == 200
            assert "svc-gateway3@CORP.FABRIKAM.EXAMPLE" in told["realm CORP.FABRIKAM.EXAMPLE"]


async def test_a_clock_that_is_off_is_told_apart(setting: Setting, tmp_path: Path) -> None:
    with Domain(CORP, tmp_path / "corp", templates=TEMPLATES, clock_offset=timedelta(minutes=10)) as late:
        late_setting = replace(setting, domain=late, clients=issue_clients(setting.world, late))
        async with a_domain_stand(late_setting, tmp_path) as stand:
            assert await refusal(stand) == ("clock_skewed", "D19")
    issue_clients(setting.world, setting.domain)


def a_closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


async def test_kdcs_that_are_down_are_told_apart(setting: Setting, tmp_path: Path) -> None:
    async with a_domain_stand(setting, tmp_path, kerberos_settings(kdcs=[a_closed_port(), a_closed_port()])) as stand:
        assert await refusal(stand) == ("kdc_unreachable", "D58")


async def test_a_kdc_that_is_silent_is_told_apart(setting: Setting, tmp_path: Path) -> None:
    async with Gate(setting.domain) as kdc:
        kdc.open.clear()
        change = kerberos_settings(kdcs=[kdc.address], kdc_seconds=0.2, kdc_total_seconds=0.4)
        async with a_domain_stand(setting, tmp_path, change) as stand:
            assert await refusal(stand) == ("kdc_silent", "D59")

            kdc.open.set()
            assert (await stand.enroll("alice", "certificate")).status == 200


async def test_a_second_kdc_serves_while_the_first_is_silent(setting: Setting, tmp_path: Path) -> None:
    async with Gate(setting.domain) as silent:
        silent.open.clear()
        change = kerberos_settings(kdcs=[silent.address, setting.domain.address], kdc_seconds=0.2)
        async with a_domain_stand(setting, tmp_path, change) as stand:
            answer = await stand.enroll("alice", "certificate")

            assert identity_in(answer.certificate) == stand.identity_of("alice")


async def test_who_needs_no_kdc_is_served_while_it_is_slow(setting: Setting, tmp_path: Path) -> None:
    async with Gate(setting.domain) as kdc:
        change = kerberos_settings(kdcs=[kdc.address], kdc_seconds=10, kdc_total_seconds=30)
        async with a_domain_stand(setting, tmp_path, change) as stand:
            assert (await stand.enroll("bob", "certificate")).status == 200
            kdc.open.clear()
            slow = [asyncio.ensure_future(stand.enroll(f"u{n:02}", "certificate")) for n in range(1, 6)]
            for _ in slow:
                await kdc.waiting.acquire()

            answer = await stand.enroll("bob", "certificate")

            assert identity_in(answer.certificate) == stand.identity_of("bob")
            assert not any(call.done() for call in slow)
            kdc.open.set()
            for n, answer in enumerate(await asyncio.gather(*slow), start=1):
                assert identity_in(answer.certificate) == stand.identity_of(f"u{n:02}")


async def test_a_directory_that_does_not_answer_is_told_apart(setting: Setting, tmp_path: Path) -> None:
    async with a_domain_stand(setting, tmp_path, directory(a_closed_port())) as stand:
        for way in ("certificate", "password", "kerberos"):
            assert await refusal(stand, way) == ("directory_unavailable", "D60")


async def test_a_keytab_without_the_account_s_key_is_found_before_anything_listens(
    setting: Setting, tmp_path: Path
) -> None:
    change = kerberos_settings(account="svc-gateway", keytab=str(setting.domain.keytab("svc-ces")))
    with pytest.raises(Mistaken, match="has no key of svc-gateway@CORP"):
        async with a_domain_stand(setting, tmp_path, change):
            pass


async def test_a_keytab_that_vanishes_is_told_apart(setting: Setting, tmp_path: Path) -> None:
    keytab = tmp_path / "gateway.keytab"
    shutil.copy(setting.domain.keytab("svc-gateway"), keytab)
    async with a_domain_stand(setting, tmp_path, kerberos_settings(keytab=str(keytab))) as stand:
        keytab.unlink()

        assert await refusal(stand, "kerberos") == ("own_keytab_unusable", "D16")


async def test_the_event_loop_is_never_stalled_by_a_kdc(setting: Setting, tmp_path: Path) -> None:
    async with Gate(setting.domain) as kdc:
        change = kerberos_settings(kdcs=[kdc.address], kdc_seconds=10, kdc_total_seconds=30)
        async with a_domain_stand(setting, tmp_path, change) as stand:
            # The directory's own ticket is there then.
            assert (await stand.fetch_policies("bob", "certificate")).status == 200
            kdc.open.clear()
            ways = ("certificate", "password")
            waiting = [asyncio.ensure_future(stand.enroll("alice", way)) for way in ways]
            for _ in waiting:
                await kdc.waiting.acquire()

            # Needs the loop, and nothing else.
            assert await ready(stand) == (200, [])

            kdc.open.set()
            assert [answer.status for answer in await asyncio.gather(*waiting)] == [200, 200]
