from dataclasses import dataclass

from gateway.policy.comparison import Change
from gateway.policy.decision import Application, Policies, Policy, Rule, Template, Violation
from gateway.requester import Requester
from gateway.trial.shadow import Shadow
from tests.builders import an_application


@dataclass(frozen=True)
class Everybody:
    def admits(self, requester: Requester) -> bool:
        return True

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return ()


@dataclass(frozen=True)
class Broken(Everybody):
    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        raise RuntimeError("a bug in a condition")


def policies(condition: Everybody) -> Policies:
    return Policies((Policy("web", Template("PartnerWebServer"), (Rule("a rule", condition, ()),), ""),))


NOTHING = Policies(())


def opinion(active: Policies, candidate: Policies | None) -> tuple[Change | None, list[tuple[str, Change]]]:
    counted: list[tuple[str, Change]] = []
    shadow = Shadow(lambda: active, lambda: candidate, lambda policy, change: counted.append((policy, change)))
    found = shadow(an_application())
    return (found.change if found else None), counted


def test_a_difference_is_told_and_counted() -> None:
    assert opinion(policies(Everybody()), NOTHING) == (Change.WOULD_REFUSE, [("web", Change.WOULD_REFUSE)])
    assert opinion(NOTHING, policies(Everybody())) == (Change.WOULD_ALLOW, [("web", Change.WOULD_ALLOW)])


def test_agreement_is_neither_told_nor_counted() -> None:
    assert opinion(NOTHING, NOTHING) == (None, [])


def test_without_a_candidate_there_is_no_opinion() -> None:
    assert opinion(policies(Broken()), None) == (None, [])


def test_a_candidate_that_breaks_has_no_opinion() -> None:
    assert opinion(NOTHING, policies(Broken())) == (None, [])
