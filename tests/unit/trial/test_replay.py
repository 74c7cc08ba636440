"""Decisions recorded by the real audit log, replayed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import pytest

from gateway.audit import AuditLog
from gateway.audit.chain import MAX_LINE_BYTES
from gateway.errors import GatewayError
from gateway.faults import fault_for
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.comparison import Change
from gateway.policy.decision import Application, NotPermitted, Policies, decide
from gateway.policy.load import load_policies
from gateway.protocol.wstep import Pending
from gateway.trial.replay import Changed, Summary, lines_of, replay
from tests.builders import a_policy_file, a_requester
from tests.requests import a_certification_request
from tests.unit.audit.samples import Clock, a_call

REQUESTERS = "[{account: alice, authentication: [UsernamePassword]}]"
KEY = "[{algorithm: EC, curves: [secp256r1]}]"
HOSTS = "subjectAlternativeName: {dNSName: {allow: [{suffix: .partner-a.example}]}}"
MORE_HOSTS = "subjectAlternativeName: {dNSName: {allow: [{suffix: .example}]}}"


def policies(*sections: str, rule: str = "a rule", key: str = KEY) -> Policies:
    return load_policies([("web.yaml", a_policy_file(*sections, name=rule, key=key, requesters=REQUESTERS))])


ACTIVE = policies(HOSTS)
HOST_OF_ANOTHER = "web01.partner-b.example"
OWN_HOST = "web01.partner-a.example"


def an_application(host: str, template: str | None = "PartnerWebServer") -> Application:
    der = a_certification_request("", dns=(host,), template=template)
    return Application(a_requester("alice", "UsernamePassword"), parse_certificate_request(der))


@asynccontextmanager
async def a_record(path: Path) -> AsyncIterator[AuditLog]:
    async with AuditLog(path, Clock(), lambda: None) as log:
        yield log


async def decide_and_record(log: AuditLog, application: Application) -> None:
    record = log.open(a_call())
    record.authenticated(application.requester)
    record.applied(application)
    decision = decide(ACTIVE, application)
    if decision.approval is not None:
        await record.approved(decision.approval)
        await record.answered(Pending("", "en-US", "https://ces.example/CES", None, "42"), "42")
        return
    error = decision.error
    assert isinstance(error, GatewayError)
    violations = error.violations if isinstance(error, NotPermitted) else ()
    reason = fault_for(error).reason
    await record.refused(reason=reason, outcome="refused", hresult=None, error=error, violations=violations)


async def recorded(path: Path, *applications: Application) -> Path:
    async with a_record(path) as log:
        for application in applications:
            await decide_and_record(log, application)
    return path


def replayed(path: Path, candidate: Policies, since: str = "") -> tuple[Sequence[Changed], Summary]:
    summary = Summary()
    with path.open("rb") as file:
        return [*replay(lines_of(file), candidate, summary, since=since)], summary


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    return await recorded(
        tmp_path / "audit.jsonl",
        an_application(OWN_HOST),
        an_application(HOST_OF_ANOTHER),
        an_application(OWN_HOST, template="Other"),
        an_application(OWN_HOST, template=None),
    )


async def test_under_the_same_policies_nothing_changes(path: Path) -> None:
    assert replayed(path, ACTIVE) == ([], Summary(same=4))


async def test_what_a_candidate_would_allow_is_told_with_the_violations_that_vanish(path: Path) -> None:
    (changed,), summary = replayed(path, policies(MORE_HOSTS))

    assert changed.change is Change.WOULD_ALLOW
    assert (changed.recorded.account, changed.recorded.call_id) == ("alice", "call-1")
    assert changed.template == "PartnerWebServer"
    assert (changed.was, changed.would_be) == ("refused, not_permitted", "allowed by web: a rule")
    assert changed.new == ()
    (vanished,) = changed.vanished
    assert f"dNSName is '{HOST_OF_ANOTHER}'" in vanished
    assert (summary.same, summary.changed) == (3, 1)


async def test_what_a_candidate_would_refuse_is_told_with_its_violations(path: Path) -> None:
    (changed,), _ = replayed(path, policies(HOSTS, key="[{algorithm: RSA, minimumKeyLength: 2048}]"))

    assert changed.change is Change.WOULD_REFUSE
    assert (changed.was, changed.would_be) == ("allowed by web: a rule", "refused, not_permitted")
    assert changed.vanished == ()
    assert changed.new == ("a rule: key: publicKey is 'EC secp256r1', wanted RSA 2048 or more",)


async def test_another_rule_is_a_difference(path: Path) -> None:
    (changed,), _ = replayed(path, policies(HOSTS, rule="another rule"))

    assert changed.change is Change.OTHER_RULE
    assert (changed.was, changed.would_be) == ("allowed by web: a rule", "allowed by web: another rule")


async def test_a_candidate_without_a_policy_for_the_template_would_refuse(path: Path) -> None:
    (changed,), _ = replayed(path, Policies(()))

    assert changed.would_be == "refused, unmatched"
    assert changed.new == ()


async def test_only_what_came_later_is_looked_at(path: Path) -> None:
    _, all_of_them = replayed(path, ACTIVE, "2026-03-01T12:00")
    _, none = replayed(path, ACTIVE, "2026-03-02")

    assert (all_of_them.same, none.same) == (4, 0)


async def test_lines_that_tell_no_decision_are_passed_over(tmp_path: Path) -> None:
    path = await recorded(tmp_path / "audit.jsonl")

    assert replayed(path, ACTIVE) == ([], Summary())


async def test_what_cannot_be_replayed_is_counted_by_reason(path: Path) -> None:
    lines = path.read_bytes().replace(b'"judged":', b'"jugded":').splitlines()
    summary = Summary()

    assert list(replay([*lines, b"torn", b""], ACTIVE, summary)) == []
    assert summary.not_replayable == {
        "written by a version that did not record what it judged": 1,
        "no line of an audit record": 2,
    }


def test_a_line_of_any_length_is_read_in_bounded_pieces() -> None:
    pieces = list(lines_of(BytesIO(b"a" * (MAX_LINE_BYTES + 1) + b"\nb\nc")))

    assert [len(piece) for piece in pieces] == [MAX_LINE_BYTES, 1, 1, 1]
