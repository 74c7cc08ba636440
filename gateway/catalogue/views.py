"""What is told outside, kept as it is sent.

Of one CEP service. In memory: another replica makes the same view from the same answer, byte for byte.
"""

from collections import OrderedDict
from hashlib import sha256

import structlog

from gateway.enrollment_policy import Offer, View
from gateway.policy.decision import OpenTemplate
from gateway.policy.publication import Publication, not_changed, publish
from gateway.protocol import xcep
from gateway.protocol.soap import render_body

log = structlog.get_logger()

CAPACITY = 64 * 1024 * 1024
"""Bytes of bodies: 160 views of 208 templates. There are as many as there are sets of templates for requesters."""


class KeptViews:
    """The Views of `gateway.enrollment_policy`."""

    def __init__(self, service: str, capacity: int = CAPACITY) -> None:
        """What was longest not asked for goes when there is more than `capacity`."""
        self._service = service
        self._capacity = capacity
        self._publication: Publication | None = None
        self._views: OrderedDict[tuple[bytes, tuple[OpenTemplate, ...]], View] = OrderedDict()
        self.size = 0
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
