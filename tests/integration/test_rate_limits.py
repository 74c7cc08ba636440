"""Each limit over the wire: a fault with Retry-After, and whoever else comes is served."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app import App
from gateway.config import load_configuration
from gateway.lab.world import World
from gateway.state.memory import MemoryState
from tests.certificates import Authority
from tests.fakes.internal import FakeInternal, replies
from tests.requests import a_new_request
from tests.stand import ALICE, CEP_PASSWORD, CES_CERTIFICATE, Answer, Change, Stand, a_stand, service, with_fake

RPC_S_SERVER_TOO_BUSY = 0x800706BB
WEB = "www.partner-a.example"
BOB = "bob@partner-b.example"


def limited(*changes: Change, **limits: dict[str, Any]) -> Change:
    def change(content: dict[str, Any]) -> None:
        content["rate_limits"] = limits
        for each in changes:
            each(content)

    return change


def a_budget(burst: int, *overrides: dict[str, Any]) -> dict[str, Any]:
    """So many, and an hour for each one more."""
    return {"count": 1, "period": "1h", "burst": burst} | ({"overrides": list(overrides)} if overrides else {})


async def assert_limited(stand: Stand, answer: Answer, limit: str) -> None:
    """The fault with its header, the line in the record, and the count."""
    assert answer.status == 500
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    assert answer.fault.hresult == RPC_S_SERVER_TOO_BUSY
    assert answer.fault.text.startswith("There were too many requests. Try again later. (call ")
    assert limit.encode() not in answer.body
    line = await stand.refusal_of(answer)
    assert (line["reason"], line["limit"]) == ("rate_limited", limit)
    assert f'limit="{limit}",service="{line["service"]}"}} 1.0' in stand.app.metrics.render().decode()


async def test_an_address_has_so_many_requests_of_whatever_kind(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path, limited(RequestsPerAddress=a_budget(3))) as stand:
        served = [
            (await stand.post(stand.get_policies(), CEP_PASSWORD)).status,
            (await stand.post(b"", method="GET")).status,
            (await stand.post(b"", "/unknown")).status,
        ]

        await assert_limited(stand, await stand.post(stand.issue(a_new_request(WEB))), "RequestsPerAddress")
        await assert_limited_without_fault(stand)

    assert served == [200, 200, 404]


async def assert_limited_without_fault(stand: Stand) -> None:
    for answer in (await stand.post(b"", method="GET"), await stand.post(b"", "/unknown")):
        assert (answer.status, answer.body) == (429, b"")
        assert 3500 < int(answer.headers["Retry-After"]) <= 3600


async def test_an_override_is_for_the_network_that_it_names(world: World, tmp_path: Path) -> None:
    override = {"networks": ["127.0.0.0/8"], "unlimited": True}
    async with a_stand(world, tmp_path, limited(RequestsPerAddress=a_budget(1, override))) as stand:
        answers = [await stand.post(stand.get_policies(), CEP_PASSWORD) for _ in range(3)]

    assert [answer.status for answer in answers] == [200] * 3


async def test_an_account_that_was_guessed_at_is_closed_to_its_password_too_and_others_are_not(
    world: World, tmp_path: Path
) -> None:
    async with a_stand(world, tmp_path, limited(FailedAuthenticationsPerAccount=a_budget(2))) as stand:
        for name in (ALICE, ALICE.upper()):
            wrong = await stand.post(stand.issue(a_new_request(WEB), security=stand.username_token(name, "wrong")))
            assert (await stand.refusal_of(wrong))["reason"] == "wrong_password"

        await assert_limited(
            stand, await stand.post(stand.issue(a_new_request(WEB))), "FailedAuthenticationsPerAccount"
        )

        bob = stand.username_token(BOB, world.passwords[BOB])
        assert (await stand.post(stand.issue(a_new_request("www.partner-b.example"), security=bob))).status == 200
        assert (
            await stand.post(stand.issue(a_new_request(WEB)), CES_CERTIFICATE, client=world.partner_a)
        ).status == 200


async def test_an_address_that_has_guessed_is_refused_whomever_it_names(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path, limited(FailedAuthenticationsPerAddress=a_budget(2))) as stand:
        for name in ("nobody", ALICE):
            answer = await stand.post(stand.issue(a_new_request(WEB), security=stand.username_token(name, "wrong")))
            assert "Retry-After" not in answer.headers

        await assert_limited(
            stand, await stand.post(stand.issue(a_new_request(WEB))), "FailedAuthenticationsPerAddress"
        )


async def test_right_passwords_and_missing_ones_cost_nothing(world: World, tmp_path: Path) -> None:
    limits = limited(FailedAuthenticationsPerAccount=a_budget(1), FailedAuthenticationsPerAddress=a_budget(1))
    async with a_stand(world, tmp_path, limits) as stand:
        for _ in range(3):
            missing = await stand.post(stand.issue(a_new_request(WEB), security=""))
            assert (await stand.refusal_of(missing))["reason"] == "credentials_missing"
            assert (await stand.post(stand.issue(a_new_request(WEB)))).status == 200


async def test_a_password_that_the_inside_refuses_is_a_guess(world: World, inside: Authority, tmp_path: Path) -> None:
    def passes_on(content: dict[str, Any]) -> None:
        service(content, "ca1-password")["verifier"] = "internal_ces"

    async with FakeInternal(inside, replies(status=401)) as fake:
        changes = limited(with_fake(fake), passes_on, FailedAuthenticationsPerAccount=a_budget(2))
        async with a_stand(world, tmp_path, changes) as stand:
            for _ in range(2):
                answer = await stand.post(stand.issue(a_new_request(WEB)))
                assert (await stand.refusal_of(answer))["reason"] == "credentials_refused_inside"

            await assert_limited(
                stand, await stand.post(stand.issue(a_new_request(WEB))), "FailedAuthenticationsPerAccount"
            )
        assert len(fake.received) == 2


@pytest.mark.parametrize("limit", ["CertificatesPerAccount", "CertificatesPerPartner", "CertificatesPerTemplate"])
async def test_certificates_are_counted_by_account_partner_and_template(
    world: World, tmp_path: Path, limit: str
) -> None:
    def with_partner(content: dict[str, Any]) -> None:
        content["partners"] = [{"name": "a", "accounts": [ALICE]}]

    async with a_stand(world, tmp_path, limited(with_partner, **{limit: a_budget(2)})) as stand:
        for _ in range(2):
            assert (await stand.post(stand.issue(a_new_request(WEB)))).status == 200
        refused = await stand.post(stand.issue(a_new_request("www.victim.example")))
        assert (await stand.refusal_of(refused))["reason"] == "not_permitted"

        await assert_limited(stand, await stand.post(stand.issue(a_new_request(WEB))), limit)

        assert len(stand.audit("approved")) == 2
        other = await stand.post(stand.issue(a_new_request(WEB)), CES_CERTIFICATE, client=world.partner_a)
        assert (other.status == 200) is (limit != "CertificatesPerTemplate")
        assert (await stand.post(stand.get_policies(), CEP_PASSWORD)).status == 200


async def test_a_pending_request_is_asked_after_so_often_and_others_cannot_use_that_up(
    world: World, tmp_path: Path
) -> None:
    async with a_stand(world, tmp_path, limited(PollsPerRequest=a_budget(2))) as stand:
        ids = [
            (await stand.post(stand.issue(a_new_request(WEB, template="PartnerPending")))).find(".//wstep:RequestID")
            for _ in range(2)
        ]
        assert all(ids)
        first, second = map(str, ids)
        bob = stand.username_token(BOB, world.passwords[BOB])
        for _ in range(3):
            another_s = await stand.post(stand.query_token_status(first, security=bob))
            assert (await stand.refusal_of(another_s))["reason"] == "pending_request_unknown"
        polls = [await stand.post(stand.query_token_status(first)) for _ in range(2)]
        assert [poll.status for poll in polls] == [200, 200]

        await assert_limited(stand, await stand.post(stand.query_token_status(first)), "PollsPerRequest")

        assert (await stand.post(stand.query_token_status(second))).status == 200


async def test_two_gateways_that_share_a_state_never_exceed_a_budget_by_one(world: World, tmp_path: Path) -> None:
    """As many certificates as one alone would let through, whichever of the two is asked."""
    limits = limited(CertificatesPerAccount=a_budget(5), FailedAuthenticationsPerAccount=a_budget(3))
    state = MemoryState(lambda: datetime.now(UTC))
    async with a_stand(world, tmp_path, limits) as stand, AsyncExitStack() as stack:
        ports = [await _another(stand, tmp_path, f"replica-{n}", state, stack) for n in range(2)]

        certificates = await asyncio.gather(
            *(stand.post(stand.issue(a_new_request(WEB)), port=ports[n % 2]) for n in range(16))
        )
        wrong = stand.issue(a_new_request(WEB), security=stand.username_token(ALICE, "wrong"))
        guesses = await asyncio.gather(*(stand.post(wrong, port=ports[n % 2]) for n in range(10)))

        assert [answer.status for answer in certificates].count(200) == 5
        assert sum("Retry-After" in answer.headers for answer in certificates) == 11
        assert sum("Retry-After" not in answer.headers for answer in guesses) == 3


async def _another(stand: Stand, directory: Path, name: str, state: MemoryState, stack: AsyncExitStack) -> int:
    """One more gateway before the same lab, with a record of its own; the port of its first listener."""
    content = yaml.safe_load((stand.world.directory / f"{directory.name}.yaml").read_text())
    content["audit"]["file"] = str(directory / f"{name}.jsonl")
    content["management"]["port"] = 0
    for listener in content["listeners"]:
        listener["port"] = 0
    file = stand.world.directory / f"{directory.name}-{name}.yaml"
    file.write_text(yaml.safe_dump(content))
    app = await stack.enter_async_context(App(load_configuration(file, datetime.now(UTC)), state=state))
    return app.listeners[0].port
