from typing import Any

import pytest

from gateway.enrollment import IssuingCA
from gateway.issuing import Affinity


def a_ca() -> IssuingCA:
    nothing: Any = None
    return IssuingCA(nothing, nothing, nothing)


CAS = {"first": a_ca(), "second": a_ca(), "third": a_ca()}


@pytest.mark.parametrize(
    ("issuing", "asked"),
    [
        ([], "second"),
        (["first", "second", "third"], "second"),
        (["first", "third"], "first"),
        (["third"], "third"),
        (["one that no service is published for"], "second"),
    ],
)
def test_the_service_s_own_ca_is_asked_unless_only_another_one_issues_the_template(
    issuing: list[str], asked: str
) -> None:
    templates = {"PartnerWebServer": frozenset(issuing)}
    affinity = Affinity("second", CAS, lambda template: templates[template])

    assert affinity.of_template("PartnerWebServer") is CAS[asked]


def test_all_of_them_may_have_a_pending_request() -> None:
    assert list(Affinity("second", CAS, lambda _: frozenset())) == list(CAS.values())
