"""Guesses are counted: whatever authenticates somebody, within the budgets of failed authentications."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from gateway.call import Call
from gateway.protocol.soap import Envelope

P = ParamSpec("P")
T = TypeVar("T")

Serve = Callable[Concatenate[Call, Envelope, P], Awaitable[T]]


class Guesses(Protocol):
    """`gateway.rates.limits.RateLimits`."""

    def authenticating(self, peer: str, account: str | None) -> AbstractAsyncContextManager[None]:
        """Raises RateLimited, and StateUnavailable. What is raised inside says whether it counts."""
        ...


def rate_limited(guesses: Guesses, serve: Serve[P, T], *, by_password: bool) -> Serve[P, T]:
    """`serve` is an authenticator, or, where only the inside knows whether a password is right, the whole story.

    `by_password`: what the message names is what is guessed at. Elsewhere it names nobody, whatever stands in it.
    """

    async def serve_within_limits(call: Call, envelope: Envelope, /, *args: P.args, **kwargs: P.kwargs) -> T:
        account = _claimed_account(envelope) if by_password else None
        async with guesses.authenticating(call.peer, account):
            return await serve(call, envelope, *args, **kwargs)

    return serve_within_limits


def _claimed_account(envelope: Envelope) -> str | None:
    token = envelope.security.username_token if envelope.security is not None else None
    return (token.username or None) if token is not None else None
