"""`gateway.ledger`: one request, one submission, whoever asks how often, and wherever the gateway stops."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from gateway.errors import Overloaded, StateUnavailable
from gateway.ledger.ledger import KEPT_AFTER_THE_END, OPEN_FOR, REPEATED_WITHIN, Ledger
from gateway.pki.certificate import parse_certificate
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, Approval, Policies, Policy, Rule, Template, approve
from gateway.protocol.wstep import ContextItem, Issued, Pending
from gateway.state.memory import MemoryState
from gateway.state.state import Table
from gateway.submission import Answered, InDoubt, Submission, UnderSubmission, Withheld
from tests.builders import NOW, Anybody, a_requester
from tests.issued import a_signed_certificate, web_server_parts
from tests.requests import a_certification_request

CA = "Corp Issuing CA 1"
POLICIES = Policies((Policy("web", Template("WebServer"), (Rule("all", Anybody(), ()),), "digest"),))
CERTIFICATE = a_signed_certificate(web_server_parts())
ISSUED = Issued("Issued", "en-US", CERTIFICATE, b"a CMC response", "17")
PENDING = Pending("Taken Under Submission", "en-US", "https://ces.corp.example/CES", None, "17")


def an_approval(subject: str = "CN=web01", account: str = "partner-a", ccm: str | None = None) -> Approval:
    request = parse_certificate_request(a_certification_request(subject, template="WebServer"))
    context = () if ccm is None else (ContextItem("ccm", ccm),)
    return approve(POLICIES, Application(a_requester(account), request, context))


@dataclass
class World:
    now: datetime = NOW
    pauses: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """What others do while the ledger waits."""

    def __post_init__(self) -> None:
        self.state = MemoryState(lambda: self.now)

    def ledger(self, ca: str = CA) -> Ledger:
        return Ledger(self.state, lambda: self.now, ca, answer_seconds=30, pause=self.pause)

    async def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.pauses:
            await self.pauses.pop(0)()


async def test_a_submission_is_in_the_ledger_before_it_is_answered() -> None:
    world = World()
    approval = an_approval(ccm="web01.partner.example")

    submission = await world.ledger().open("ces", approval)

    assert await world.ledger().find(submission.request_id) == submission
    assert submission == Submission(
        request_id=submission.request_id,
        digest=submission.digest,
        service="ces",
        ca=CA,
        account="partner-a",
        partner=None,
        template="WebServer",
        submitted_at=NOW,
        renews=None,
        outcome=InDoubt(until=NOW + timedelta(seconds=30), after=None),
        request=approval.application.request.der,
        additional_context=(ContextItem("ccm", "web01.partner.example"),),
    )
    assert 0 < int(submission.request_id) < 2**31


async def test_another_ca_s_submission_is_not_found() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())

    assert await world.ledger("Corp Issuing CA 2").find(submission.request_id) is None


@pytest.mark.parametrize("request_id", ["", "17", "x", "²", "1" * 30, "-1"])
async def test_what_the_ledger_has_not_given_is_not_found(request_id: str) -> None:
    world = World()
    await world.ledger().open("ces", an_approval())

    assert await world.ledger().find(request_id) is None


@pytest.mark.parametrize(
    "other",
    [an_approval("CN=web02"), an_approval(account="partner-b"), an_approval(ccm="web01")],
    ids=["another request", "another account", "other words around it"],
)
async def test_only_the_same_is_identical(other: Approval) -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    await world.ledger().answered(submission, PENDING)

    assert (await world.ledger().identical(an_approval())) is not None
    assert await world.ledger().identical(other) is None
    assert await world.ledger("Corp Issuing CA 2").identical(an_approval()) is None


async def test_the_spelling_of_an_account_makes_no_other_request() -> None:
    world = World()
    approval = an_approval()
    await world.ledger().answered(await world.ledger().open("ces", approval), PENDING)
    application = replace(approval.application, requester=a_requester("PARTNER-A"))

    assert await world.ledger().identical(replace(approval, application=application)) is not None


async def test_whoever_repeats_waits_for_the_answer_that_is_on_its_way() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    world.pauses.append(lambda: world.ledger().answered(submission, ISSUED))

    found = await world.ledger().identical(an_approval())

    assert found is not None
    assert found.answer == replace(ISSUED, request_id=submission.request_id)


async def test_nobody_waits_longer_than_an_answer_can_take() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())

    found = await world.ledger().identical(an_approval())

    assert found == submission
    assert world.now - NOW == timedelta(seconds=30)


async def test_nobody_waits_for_an_answer_that_is_known_to_be_lost() -> None:
    world = World()
    await world.ledger().in_doubt(await world.ledger().open("ces", an_approval()))

    found = await world.ledger().identical(an_approval())

    assert found is not None
    assert found.outcome == InDoubt(until=NOW, after=None)
    assert world.now == NOW


async def test_two_who_send_the_same_at_the_same_moment_send_it_once() -> None:
    world = World()
    first = await world.ledger().open("ces", an_approval())

    with pytest.raises(Overloaded):
        await world.ledger().open("ces", an_approval())

    assert [entry.key for entry in await world.state.page(Table.SUBMISSIONS)] == [first.request_id]


async def test_an_issued_certificate_is_written_down_for_as_long_as_it_lives() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    await world.ledger().answered(submission, ISSUED)
    certificate = parse_certificate(CERTIFICATE)

    world.now = certificate.not_after + KEPT_AFTER_THE_END - timedelta(seconds=1)
    found = await world.ledger().find(submission.request_id)

    assert found is not None
    assert found.request is None
    assert isinstance(found.outcome, Answered)
    assert found.outcome.ca_request_id == "17"
    assert found.outcome.certificate.sha256 == certificate.sha256_fingerprint
    assert found.outcome.certificate.not_after == certificate.not_after
    assert found.outcome.certificate.serial_number == f"{certificate.serial_number:x}"
    world.now += timedelta(seconds=1)
    assert await world.ledger().find(submission.request_id) is None


async def test_the_answer_is_kept_for_a_day_and_then_the_request_is_a_new_one() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    await world.ledger().answered(submission, ISSUED)

    world.now += REPEATED_WITHIN - timedelta(seconds=1)
    found = await world.ledger().identical(an_approval())
    assert found is not None
    assert found.answer == replace(ISSUED, request_id=submission.request_id)

    world.now += timedelta(seconds=1)
    assert await world.ledger().identical(an_approval()) is None
    found = await world.ledger().find(submission.request_id)
    assert found is not None
    assert found.answer is None


async def test_a_pending_request_is_known_by_the_ca_s_number_until_it_is_too_old() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    await world.ledger().answered(submission, PENDING)

    world.now += OPEN_FOR - timedelta(seconds=1)
    found = await world.ledger().find(submission.request_id)

    assert found is not None
    assert found.outcome == UnderSubmission("17")
    assert found.request == submission.request


async def test_a_withheld_certificate_is_written_down_without_its_answer() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    await world.ledger().withheld(submission, CERTIFICATE)

    found = await world.ledger().identical(an_approval())

    assert found is not None
    assert found.outcome == Withheld(parse_certificate(CERTIFICATE).sha256_fingerprint)
    assert (found.answer, found.request) == (None, None)


async def test_what_came_to_nothing_is_struck_out() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())

    await world.ledger().forget(submission)

    assert await world.ledger().identical(an_approval()) is None
    assert await world.ledger().find(submission.request_id) is None


async def test_a_gateway_that_stopped_between_two_writes_of_an_answer_has_it_all_the_same() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    line = await world.state.get(Table.SUBMISSIONS, submission.request_id)
    assert line is not None
    await world.ledger().answered(submission, ISSUED)
    settled = await world.state.get(Table.SUBMISSIONS, submission.request_id)
    # As it was after the first of the two.
    await world.state.put(Table.SUBMISSIONS, line.key, line.value, expires=NOW + timedelta(days=1), replaces=settled)

    found = await world.ledger().identical(an_approval())

    assert found is not None
    assert found.answer == replace(ISSUED, request_id=submission.request_id)
    assert isinstance(found.outcome, Answered)
    assert found.outcome.ca_request_id == "17"


async def test_a_lost_answer_is_looked_for_behind_the_highest_number_that_was_known() -> None:
    world = World()
    for ca_request_id, subject in (("9", "CN=a"), ("12", "CN=b"), ("11", "CN=c")):
        before = await world.ledger().open("ces", an_approval(subject))
        await world.ledger().answered(before, replace(PENDING, request_id=ca_request_id))

    submission = await world.ledger().open("ces", an_approval())

    assert isinstance(submission.outcome, InDoubt)
    assert submission.outcome.after == "12"


@pytest.mark.parametrize("ca_request_id", ["b3f1c0de-0000-4000-8000-000000000000", "١٢", "x"])
async def test_numbers_that_do_not_count_are_none_to_begin_with(ca_request_id: str) -> None:
    world = World()
    before = await world.ledger().open("ces", an_approval("CN=before"))
    await world.ledger().answered(before, replace(PENDING, request_id=ca_request_id))

    submission = await world.ledger().open("ces", an_approval())

    assert isinstance(submission.outcome, InDoubt)
    assert submission.outcome.after is None


async def test_an_entry_of_another_version_is_no_answer() -> None:
    world = World()
    submission = await world.ledger().open("ces", an_approval())
    line = await world.state.get(Table.SUBMISSIONS, submission.request_id)
    await world.state.put(
        Table.SUBMISSIONS, submission.request_id, b"{}", expires=NOW + timedelta(days=1), replaces=line
    )

    with pytest.raises(StateUnavailable, match="newer version"):
        await world.ledger().find(submission.request_id)
