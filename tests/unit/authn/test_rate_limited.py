"""Whom a guess is counted for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from lxml import etree

from gateway.authn.rate_limited import rate_limited
from gateway.call import Call
from gateway.errors import RateLimited, WrongPassword
from gateway.protocol.security import Secret, Security, UsernameToken
from gateway.protocol.soap import Envelope
from tests.unit.audit.samples import a_call


@dataclass
class Guesses:
    """Remembers whom it was asked for, and what came of it."""

    refusal: RateLimited | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    outcomes: list[type[Exception] | None] = field(default_factory=list)

    @asynccontextmanager
    async def authenticating(self, peer: str, account: str | None) -> AsyncIterator[None]:
        self.asked.append((peer, account))
        if self.refusal is not None:
            raise self.refusal
        try:
            yield
        except Exception as error:
            self.outcomes.append(type(error))
            raise
        self.outcomes.append(None)


def an_envelope(username: str | None) -> Envelope:
    token = None if username is None else UsernameToken(username, Secret("a password"))
    return Envelope("action", None, None, None, Security(None, token), etree.Element("body"))


WITHOUT_HEADER = Envelope("action", None, None, None, None, etree.Element("body"))


async def serve(_call: Call, _envelope: Envelope, what: str) -> str:
    if what == "a wrong password":
        raise WrongPassword("no")
    return what


@pytest.mark.parametrize(
    ("envelope", "by_password", "account"),
    [
        (an_envelope("Alice"), True, "Alice"),
        (an_envelope(""), True, None),
        (an_envelope(None), True, None),
        (WITHOUT_HEADER, True, None),
        (an_envelope("Alice"), False, None),
    ],
    ids=["a name", "an empty one", "no token", "no header", "a name where nobody reads it"],
)
async def test_the_account_is_whom_the_message_names_where_that_is_what_is_verified(
    envelope: Envelope, by_password: bool, account: str | None
) -> None:
    guesses = Guesses()

    answer = await rate_limited(guesses, serve, by_password=by_password)(a_call(), envelope, "an answer")

    assert answer == "an answer"
    assert guesses.asked == [(a_call().peer, account)]
    assert guesses.outcomes == [None]


async def test_what_is_refused_is_told_to_who_counts() -> None:
    guesses = Guesses()

    with pytest.raises(WrongPassword):
        await rate_limited(guesses, serve, by_password=True)(a_call(), an_envelope("Alice"), "a wrong password")

    assert guesses.outcomes == [WrongPassword]


async def test_nothing_is_verified_for_whom_no_guess_is_left() -> None:
    guesses = Guesses(RateLimited("", limit="FailedAuthenticationsPerAccount", retry_after=360))

    with pytest.raises(RateLimited):
        await rate_limited(guesses, serve, by_password=True)(a_call(), an_envelope("Alice"), "a wrong password")
