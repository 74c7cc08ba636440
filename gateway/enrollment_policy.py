"""One GetPolicies: what this requester may enroll, told in the outside's addresses.

Read from top to bottom: authenticated, parsed, let inside, answered by the internal CEP (now, or some minutes ago),
reduced to what the gateway's own policies would allow, rewritten, recorded. Nothing of the inside's answer passes that
`publish` did not put there.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from gateway.call import Call
from gateway.credential import Credential, Inside, Way
from gateway.errors import GatewayError, KdcSilent, KdcUnreachable, UpstreamMisbehaved
from gateway.policy.decision import OpenTemplate, Policies
from gateway.policy.publication import Publication
from gateway.protocol import xcep
from gateway.protocol.soap import Envelope, RenderedBody
from gateway.protocol.xcep import GetPolicies, GetPoliciesResponse
from gateway.requester import Requester


class CertificateEnrollmentPolicyService(Protocol):
    """The internal CEP. Raises UpstreamError."""

    async def fetch_policies(self, request: GetPolicies, credential: Credential) -> GetPoliciesResponse: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What the inside's answer depends on: two calls with the same question get the same offer."""

    asked_as: str | None
    """Whom the inside sees. None where only this call can say whether it is let in: a password that is passed on."""
    request: GetPolicies
    """Without lastUpdate."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the inside has answered."""

    response: GetPoliciesResponse
    digest: bytes
    """The same for the same response."""
    age_seconds: float
    """Since the inside has said so; 0 if that was for this call."""
    is_stale: bool
    """Whether it would have been asked again, had it been there."""


@dataclass(frozen=True, slots=True)
class View:
    """What is told, ready to be sent."""

    policy_id: str
    templates: tuple[str, ...]
    """Common names."""
    body: RenderedBody
    unchanged: RenderedBody
    """The same for those who have it: policiesNotChanged."""
    digest: bytes
    """Of the body: the same for the same content."""


@dataclass(frozen=True, slots=True)
class Told:
    """One answer."""

    view: View
    offer: Offer
    is_unchanged: bool

    @property
    def body(self) -> RenderedBody:
        return self.view.unchanged if self.is_unchanged else self.view.body


class Offers(Protocol):
    """The inside's answers, kept for a while."""

    async def offer(self, question: Question, ask: Callable[[], Awaitable[GetPoliciesResponse]]) -> Offer:
        """What is kept and fresh, or else what `ask` brings; what is kept, too, where the inside is not there.

        Raises what `ask` raises.
        """
        ...

    def last(self, question: Question, error: GatewayError) -> Offer:
        """What is kept, where `error` has it that the inside cannot be asked. Raises `error` where there is nothing."""
        ...


class Views(Protocol):
    """What has been published and rendered, kept."""

    def view(self, offer: Offer, templates: tuple[OpenTemplate, ...], publication: Publication) -> View:
        """Raises as `publish`."""
        ...


class EnrollmentPolicyRecord(Protocol):
    """The audit record of one call."""

    def authenticated(self, requester: Requester) -> None:
        """Note a fact for the lines to come."""
        ...

    def transitioned(self, credential: Credential) -> None:
        """Note a fact for the lines to come."""
        ...

    async def published(self, told: Told) -> None: ...


@dataclass(frozen=True, slots=True)
class EnrollmentPolicy:
    """The policy use case of one published service, and what it needs from outside."""

    authenticate: Callable[[Call, Envelope], Awaitable[Requester]]
    policies: Callable[[], Policies]
    """The snapshot in force; a reload swaps it whole."""
    inside: Inside[CertificateEnrollmentPolicyService]
    """Where the policies are fetched, and as whom."""
    asks_as: Callable[[Requester], str | None]
    """`Question.asked_as` of a requester: in whose name the transition goes inside."""
    offers: Offers
    views: Views
    has_it: Callable[[Requester, View, datetime | None], bool]
    """Whether a client that got its policies at that time (aware; None: nobody knows) has this view for certain."""
    publication: Callable[[], Publication]
    """What works of what the configuration publishes."""
    learn: Callable[[GetPoliciesResponse], None] = lambda _: None
    """Told of each answer of the inside, whatever becomes of the call. Never raises."""

    async def get_policies(self, call: Call, envelope: Envelope, record: EnrollmentPolicyRecord) -> Told:
        """Serve one GetPolicies ([MS-XCEP] 3.1.4.1); every refusal is a GatewayError."""
        requester = await self.authenticate(call, envelope)
        record.authenticated(requester)

        request = xcep.parse_get_policies(envelope)
        # Without lastUpdate: the answer depends on the gateway's configuration too, so that the inside's "not changed"
        # would be wrong for the outside.
        question = Question(self.asks_as(requester), replace(request, last_update=None))
        offer = await self._offer(requester, question, record)

        # Judged anew in each call, so that a reload counts at once.
        view = self.views.view(offer, self.policies().open_to(requester), self.publication())
        has_it = self.has_it(requester, view, xcep.moment_of(request.last_update))
        told = Told(view, offer, is_unchanged=has_it)
        await record.published(told)
        return told

    async def _offer(self, requester: Requester, question: Question, record: EnrollmentPolicyRecord) -> Offer:
        try:
            # Also for what is kept: who is not let inside now gets nothing that was brought from there before.
            record.transitioned(await self.inside.credential(requester))
            return await self.offers.offer(question, partial(self._ask, question.request, requester, record))
        except (KdcUnreachable, KdcSilent) as error:
            return self.offers.last(question, error)

    async def _ask(
        self, request: GetPolicies, requester: Requester, record: EnrollmentPolicyRecord
    ) -> GetPoliciesResponse:
        async def fetch(way: Way[CertificateEnrollmentPolicyService]) -> GetPoliciesResponse:
            credential = await way.transition.credential(requester)
            record.transitioned(credential)
            return await way.service.fetch_policies(request, credential)

        offered = await self.inside.reach(fetch)
        if offered.policies_not_changed:
            raise UpstreamMisbehaved("CEP answered 'not changed' to a request without lastUpdate")
        self.learn(offered)
        return offered
