"""What is told outside, kept as it is sent, and since when each requester has been told it.

Of one CEP service. In memory: another replica makes the same view from the same answer, byte for byte, but has its own
idea of when it was new. Both err on the side of telling everything.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from gateway.enrollment_policy import Offer, Question, View
from gateway.policy.decision import OpenTemplate
from gateway.policy.publication import Publication, not_changed, publish
from gateway.protocol import xcep
from gateway.protocol.soap import render_body
from gateway.requester import Requester

log = structlog.get_logger()

CAPACITY = 64 * 1024 * 1024
"""Bytes of bodies: 160 views of 208 templates. There are as many as there are sets of templates for requesters."""
REQUESTERS = 50_000
"""Of whom it is known since when they are told the same: some 20 MB. Who is forgotten is told everything."""
CLOCKS_APART = timedelta(minutes=5)
"""How much a client's clock may be ahead: what Kerberos takes (RFC 4120 8.2)."""


@dataclass(frozen=True, slots=True)
class _Told:
    digest: bytes
    since: datetime


class KeptViews:
    """The Views of `gateway.enrollment_policy`."""

    def __init__(
        self,
        service: str,
        clock: Callable[[], datetime],
        policies: Callable[[], object],
        capacity: int = CAPACITY,
        requesters: int = REQUESTERS,
    ) -> None:
        """`clock` gives the aware time, UTC; `policies` the snapshot in force, which a reload replaces."""
        self._service = service
        self._clock = clock
        self._policies = policies
        self._capacity = capacity
        self._requesters = requesters
        self._publication: Publication | None = None
        self._views: OrderedDict[tuple[bytes, tuple[OpenTemplate, ...]], View] = OrderedDict()
        self.size = 0
        self._told: OrderedDict[tuple[str, Question], _Told] = OrderedDict()
        self._told_by: object = None
        self._left_out: frozenset[str] = frozenset()
        """What was said of templates that no client could use, as far as it was logged."""

    def view(self, offer: Offer, templates: tuple[OpenTemplate, ...], publication: Publication) -> View:
        """As Views says."""
        if publication != self._publication:
            self._publication = publication
            self._views.clear()
            self.size = 0
        key = (offer.digest, templates)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._made(offer, templates, publication)
            self.size += len(view.body.content)
            while self.size > self._capacity:
                _, dropped = self._views.popitem(last=False)
                self.size -= len(dropped.body.content)
        else:
            self._views.move_to_end(key)
        return view

    def _made(self, offer: Offer, templates: tuple[OpenTemplate, ...], publication: Publication) -> View:
        published = publish(offer.response, templates, publication)
        for sentence in sorted(frozenset(published.left_out) - self._left_out):
            log.warning("a template of CEP is left out", service=self._service, detail=sentence)
        self._left_out = self._left_out.union(published.left_out) if len(self._left_out) < 1000 else frozenset()
        response = published.response
        body = render_body(xcep.render_get_policies_response(response))
        return View(
            response.policy_id,
            tuple(policy.attributes.common_name for policy in response.policies or ()),
            body,
            render_body(xcep.render_get_policies_response(not_changed(response))),
            sha256(body.content).digest(),
        )

    def has_it(self, requester: Requester, question: Question, view: View, since: datetime | None) -> bool:
        """As Views says: if this very content was told to this requester before `since`, and nothing else after that.

        It is per requester, since who changes a group changes views without either of them changing. A reload counts as
        a change, since another content may have been told meanwhile elsewhere.
        """
        now = self._clock()
        policies = self._policies()
        if policies is not self._told_by:
            self._told_by = policies
            self._told.clear()
        key = (requester.account, question)
        told = self._told.get(key)
        if told is None or told.digest != view.digest:
            told = self._told[key] = _Told(view.digest, now)
            if len(self._told) > self._requesters:
                self._told.popitem(last=False)
        self._told.move_to_end(key)
        return since is not None and told.since + CLOCKS_APART <= since <= now
