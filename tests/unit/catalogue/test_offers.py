"""The inside's answers, kept: one question where many want to know, and within bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.catalogue.offers import LONGEST_HOURS, RETRY_AFTER, KeptOffers
from gateway.enrollment_policy import Offer, Question
from gateway.errors import UpstreamMisbehaved, UpstreamUnavailable
from gateway.protocol.xcep import GetPolicies, GetPoliciesResponse, RequestFilter
from tests.templates import an_offer

DOWN = UpstreamUnavailable("https://cep.corp.example: no connection", sent=False)


class Inside:
    """Answers when it may."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, tzinfo=UTC)
        self.answer: GetPoliciesResponse | Exception = an_offer()
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.stale = 0

    async def ask(self) -> GetPoliciesResponse:
        self.asked += 1
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def offers(self, cache_seconds: float = 300, capacity: int = 1_000_000) -> KeptOffers:
        return KeptOffers("cep", cache_seconds, lambda: self.now, self._on_stale, capacity)

    def _on_stale(self) -> None:
        self.stale += 1


def a_question(asked_as: str | None = "own_account", *oids: str) -> Question:
    return Question(asked_as, GetPolicies(None, None, RequestFilter(oids or None, 0, 0)))


async def soon(*asking: Awaitable[Offer]) -> Sequence["asyncio.Future[Offer]"]:
    """On their way, as far as they get by themselves."""
    tasks = [asyncio.ensure_future(each) for each in asking]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_many_who_ask_at_once_are_one_question() -> None:
    inside = Inside()
    offers = inside.offers()
    inside.may_answer.clear()
    waiting = await soon(*(offers.offer(a_question(), inside.ask) for _ in range(50)))
    inside.may_answer.set()

    answers = await asyncio.gather(*waiting)

    assert inside.asked == 1
    assert {answer.digest for answer in answers} == {answers[0].digest}
    assert [answer.is_stale for answer in answers] == [False] * 50


async def test_who_hangs_up_does_not_take_the_answer_from_the_others() -> None:
    inside = Inside()
    offers = inside.offers()
    inside.may_answer.clear()
    first, second = await soon(offers.offer(a_question(), inside.ask), offers.offer(a_question(), inside.ask))
    first.cancel()
    await asyncio.sleep(0)
    inside.may_answer.set()

    assert (await second).response == inside.answer
    assert inside.asked == 1


async def test_different_questions_are_asked_each() -> None:
    inside = Inside()
    offers = inside.offers()

    for question in (
        a_question(),
        a_question("S-1-5-21-1"),
        a_question("S-1-5-21-2"),
        a_question("own_account", "1.2"),
    ):
        await offers.offer(question, inside.ask)

    assert inside.asked == 4


async def test_one_account_s_answer_is_no_other_one_s() -> None:
    inside = Inside()
    offers = inside.offers()
    await offers.offer(a_question("S-1-5-21-1"), inside.ask)
    inside.answer = DOWN

    with pytest.raises(UpstreamUnavailable):
        await offers.offer(a_question("S-1-5-21-2"), inside.ask)


async def test_what_only_this_call_can_say_is_never_kept() -> None:
    inside = Inside()
    offers = inside.offers()
    inside.may_answer.clear()
    waiting = await soon(*(offers.offer(a_question(None), inside.ask) for _ in range(3)))
    inside.may_answer.set()
    await asyncio.gather(*waiting)

    assert (inside.asked, offers.size) == (3, 0)
    with pytest.raises(UpstreamUnavailable):
        offers.last(a_question(None), DOWN)


async def test_with_no_seconds_nothing_is_kept() -> None:
    inside = Inside()
    offers = inside.offers(cache_seconds=0)

    for _ in range(2):
        assert (await offers.offer(a_question(), inside.ask)).age_seconds == 0

    assert (inside.asked, offers.size) == (2, 0)


async def test_an_answer_that_says_so_is_fresh_for_less_time() -> None:
    inside = Inside()
    offers = inside.offers(cache_seconds=86400)
    inside.answer = replace(an_offer(), next_update_hours=1)
    await offers.offer(a_question(), inside.ask)

    inside.now += timedelta(minutes=59)
    kept = await offers.offer(a_question(), inside.ask)
    inside.now += timedelta(minutes=1)
    await offers.offer(a_question(), inside.ask)

    assert (kept.age_seconds, kept.is_stale) == (59 * 60, False)
    assert inside.asked == 2


async def test_stale_offers_are_counted_and_told_until_cep_is_back() -> None:
    inside = Inside()
    offers = inside.offers()
    await offers.offer(a_question(), inside.ask)
    good, inside.answer = inside.answer, DOWN
    assert offers.trouble() is None

    inside.now += timedelta(minutes=6)
    stale = [await offers.offer(a_question(), inside.ask) for _ in range(3)]

    assert [(offer.age_seconds, offer.is_stale) for offer in stale] == [(360, True)] * 3
    assert (inside.stale, inside.asked) == (3, 2)
    assert offers.trouble() == str(DOWN)

    inside.answer = good
    inside.now += RETRY_AFTER
    assert (await offers.offer(a_question(), inside.ask)).age_seconds == 0
    assert offers.trouble() is None


async def test_without_a_kdc_what_is_still_fresh_is_not_stale() -> None:
    inside = Inside()
    offers = inside.offers()
    await offers.offer(a_question(), inside.ask)
    inside.now += timedelta(minutes=4)

    assert not offers.last(a_question(), DOWN).is_stale
    assert inside.stale == 0


@pytest.mark.parametrize(("said", "hours"), [(None, 8), (2, 2), (4294967295, LONGEST_HOURS)])
async def test_what_is_too_old_is_not_given_on(said: int | None, hours: int) -> None:
    inside = Inside()
    inside.answer = replace(an_offer(), next_update_hours=said)
    offers = inside.offers()
    await offers.offer(a_question(), inside.ask)
    inside.answer = DOWN

    inside.now += timedelta(hours=hours, seconds=-1)
    assert (await offers.offer(a_question(), inside.ask)).is_stale
    inside.now += timedelta(seconds=1)
    with pytest.raises(UpstreamUnavailable):
        await offers.offer(a_question(), inside.ask)
    assert offers.size == 0


async def test_an_answer_that_cannot_be_read_is_everybody_s_error_and_replaces_nothing() -> None:
    inside = Inside()
    offers = inside.offers()
    await offers.offer(a_question(), inside.ask)
    inside.answer = UpstreamMisbehaved("no SOAP")
    inside.now += timedelta(minutes=6)

    with pytest.raises(UpstreamMisbehaved):
        await offers.offer(a_question(), inside.ask)

    inside.answer = DOWN
    assert (await offers.offer(a_question(), inside.ask)).response == an_offer()


# --- memory ---------------------------------------------------------------------------------------------------------


async def filled(inside: Inside, offers: KeptOffers, make: Callable[[int], GetPoliciesResponse], number: int) -> None:
    for n in range(number):
        inside.answer = make(n)
        await offers.offer(a_question(f"S-1-5-21-{n}"), inside.ask)


async def test_the_same_answer_to_many_accounts_takes_the_place_of_one() -> None:
    inside = Inside()
    offers = inside.offers()
    await filled(inside, offers, lambda _: an_offer(), 2)
    of_two = offers.size
    await filled(inside, offers, lambda _: an_offer(), 100)

    assert offers.size < of_two + 100 * 1000
    for n in range(100):
        await offers.offer(a_question(f"S-1-5-21-{n}"), inside.ask)
    assert inside.asked == 100


async def test_what_was_longest_not_asked_for_goes_first() -> None:
    inside = Inside()
    offers = inside.offers()
    await offers.offer(a_question("S-1-5-21-0"), inside.ask)
    offers = inside.offers(capacity=3 * offers.size + 100)
    await filled(inside, offers, lambda n: replace(an_offer(), policy_id=f"{n}"), 3)
    await offers.offer(a_question("S-1-5-21-0"), inside.ask)
    inside.answer = an_offer()
    await offers.offer(a_question("new"), inside.ask)
    asked = inside.asked

    for account in ("S-1-5-21-0", "S-1-5-21-2", "new"):
        await offers.offer(a_question(account), inside.ask)
    assert inside.asked == asked
    await offers.offer(a_question("S-1-5-21-1"), inside.ask)
    assert inside.asked == asked + 1


async def test_whatever_clients_ask_memory_is_bounded() -> None:
    inside = Inside()
    offers = inside.offers(capacity=50_000)

    for n in range(300):
        inside.answer = replace(an_offer(), policy_id=f"{n}")
        await offers.offer(a_question("own_account", "1." * (n * 20) + "1"), inside.ask)
        assert 0 < offers.size <= 50_000


async def test_an_answer_that_is_larger_than_all_of_it_is_not_kept() -> None:
    inside = Inside()
    offers = inside.offers(capacity=100)

    assert (await offers.offer(a_question(), inside.ask)).response == an_offer()
    assert offers.size == 0
