"""What is told, kept as it is sent."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gateway.catalogue.views import KeptViews
from gateway.enrollment_policy import Offer
from gateway.errors import NothingToEnroll
from gateway.policy.decision import OpenTemplate
from gateway.policy.publication import Publication
from gateway.protocol.xcep import CAURI, ClientAuthentication, GetPoliciesResponse
from tests.templates import CA_1, USER, WEB, an_offer, an_offered_policy

URI = CAURI(ClientAuthentication.CERTIFICATE, "https://enroll.partner.example/CES", None, renewal_only=False)
PUBLICATION = Publication("Partners", "{ID}", {CA_1: (URI,)})
ALL = (OpenTemplate(WEB, None, renewals_only=False), OpenTemplate(USER, None, renewals_only=False))


def offered(response: GetPoliciesResponse | None = None, digest: bytes = b"1") -> Offer:
    both = an_offer([an_offered_policy(WEB, 1), an_offered_policy(USER, 2)])
    return Offer(response or both, digest, 0.0, is_stale=False)


def some_views(capacity: int = 1_000_000) -> KeptViews:
    return KeptViews("cep", capacity)


def test_the_same_is_made_once() -> None:
    views = some_views()

    assert views.view(offered(), ALL, PUBLICATION) is views.view(offered(), ALL, PUBLICATION)


def test_a_view_has_what_is_sent_and_what_is_recorded() -> None:
    view = some_views().view(offered(), ALL, PUBLICATION)

    assert view.templates == (WEB, USER)
    assert view.policy_id == "{ID}"
    assert b"<policiesNotChanged>true" in view.unchanged.content
    assert WEB.encode() in view.body.content
    assert WEB.encode() not in view.unchanged.content


def test_another_answer_other_templates_or_other_addresses_make_another_view() -> None:
    views = some_views()
    elsewhere = replace(PUBLICATION, uris={CA_1: (replace(URI, uri="https://enroll2.partner.example/CES"),)})
    first = views.view(offered(), ALL, PUBLICATION)

    assert views.view(offered(digest=b"2"), ALL, PUBLICATION) is not first
    assert views.view(offered(), ALL[:1], PUBLICATION).digest != first.digest
    assert views.view(offered(), ALL, elsewhere).digest != first.digest


def test_every_replica_tells_it_in_the_same_bytes() -> None:
    assert some_views().view(offered(), ALL, PUBLICATION) == some_views().view(offered(), ALL, PUBLICATION)


def test_memory_is_bounded_and_what_was_longest_not_asked_for_goes_first() -> None:
    views = some_views()
    size = len(views.view(offered(), ALL, PUBLICATION).body.content)
    views = some_views(capacity=2 * size)
    first, second = (views.view(offered(digest=bytes([n])), ALL, PUBLICATION) for n in (1, 2))
    views.view(offered(digest=b"\1"), ALL, PUBLICATION)
    views.view(offered(digest=b"\3"), ALL, PUBLICATION)

    assert views.size <= 2 * size
    assert views.view(offered(digest=b"\1"), ALL, PUBLICATION) is first
    assert views.view(offered(digest=b"\2"), ALL, PUBLICATION) is not second


def test_nothing_to_enroll_is_not_kept() -> None:
    views = some_views()

    for _ in range(2):
        with pytest.raises(NothingToEnroll):
            views.view(offered(), (), PUBLICATION)
    assert views.size == 0


def test_a_template_that_no_client_could_use_is_logged_once() -> None:
    views = some_views()
    broken = an_offer([an_offered_policy(WEB, 1), an_offered_policy(USER, 777)])

    with capture_logs() as logs:
        for digest in (b"1", b"2"):
            views.view(offered(broken, digest), ALL, PUBLICATION)

    assert [USER in line["detail"] for line in logs] == [True]
