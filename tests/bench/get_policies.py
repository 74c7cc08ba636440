"""`python -m tests.bench.get_policies`: what a GetPolicies costs that is answered from what is kept.

From the bytes of a message to the bytes of the answer, of a client with a certificate, without TLS. CEP offers 208
templates, which make some 400 kB, and there is a policy of two rules for each of them.
"""

import argparse
import asyncio
import gc
import tempfile
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from types import SimpleNamespace

from gateway.audit import AuditLog
from gateway.call import Call
from gateway.catalogue.last_told import LastTold
from gateway.catalogue.offers import KeptOffers
from gateway.catalogue.views import KeptViews
from gateway.credential import Credential, OwnCertificate
from gateway.enrollment_policy import EnrollmentPolicy
from gateway.policy.publication import Publication, publish
from gateway.protocol import xcep
from gateway.protocol.soap import Envelope, parse_envelope, render_body, render_envelope
from gateway.protocol.xcep import CA, CAURI, OID, ClientAuthentication, GetPolicies, GetPoliciesResponse, RequestFilter
from gateway.requester import Requester
from gateway.telemetry import Metrics, configure_logging
from gateway.web.answer import SoapService, enrollment_policy_story
from tests.bench.policies import REQUESTER, some_policies
from tests.bench.table import print_table
from tests.fakes.inside import OneServer
from tests.templates import CA_1, a_ca_certificate, an_offered_policy

URI = CAURI(ClientAuthentication.CERTIFICATE, "https://enroll.partner.example/CES", None, renewal_only=False)
CANNOT_BE_LESS = 5.0
"""ms: what the issue allows."""


def an_offer(templates: int) -> GetPoliciesResponse:
    """As a CEP describes templates of version 2: three or four extensions, providers, a display name."""
    policies = []
    for n in range(templates):
        policy = an_offered_policy(f"Template{n}", n + 1)
        (usage,) = policy.attributes.extensions or ()
        extensions = tuple(replace(usage, oid_reference=9000 + k) for k in range(4))
        key = replace(
            policy.attributes.private_key_attributes, crypto_providers=tuple(f"A provider {k}" for k in "abc")
        )
        attributes = replace(policy.attributes, extensions=extensions, private_key_attributes=key)
        policies.append(replace(policy, attributes=attributes))
    oids = (
        *(OID(f"1.2.{n}", 9, n + 1, f"Display name of {n}") for n in range(templates)),
        *(OID(f"2.5.29.{k}", 6, 9000 + k, "An extension") for k in range(4)),
    )
    cas = (CA((), a_ca_certificate(), enroll_permission=True, ca_reference_id=0),)
    return GetPoliciesResponse("{ID}", "Corp", 8, None, tuple(policies), cas, oids)


class Inside:
    def __init__(self, offer: GetPoliciesResponse) -> None:
        self.offer = offer
        self.asked = 0

    async def credential(self, _requester: Requester) -> Credential:
        return OwnCertificate()

    async def fetch_policies(self, _request: GetPolicies, _credential: Credential) -> GetPoliciesResponse:
        self.asked += 1
        return self.offer


def now() -> datetime:
    return datetime.now(UTC)


async def authenticate(_call: Call, _envelope: Envelope) -> Requester:
    return REQUESTER


def milliseconds_of(do: Callable[[], object], times: int) -> float:
    start = process_time()
    for _ in range(times):
        do()
    return (process_time() - start) / times * 1e3


async def measured(templates: int, rounds: int, times: int) -> SimpleNamespace:
    inside = Inside(an_offer(templates))
    policies = some_policies(templates)
    publication = Publication("Partners", "{ID}", {CA_1: (URI,)})
    story = EnrollmentPolicy(
        authenticate,
        lambda: policies,
        inside=OneServer(inside, inside),
        asks_as=lambda _: "own_certificate",
        offers=KeptOffers("cep", 300, now),
        views=KeptViews("cep"),
        has_it=LastTold(now, lambda: policies).has_it,
        publication=lambda: publication,
    )
    request = GetPolicies(None, None, RequestFilter(None, 0, 0))
    message = render_envelope(xcep.ACTION_GET_POLICIES, xcep.render_get_policies(request), message_id="urn:uuid:1")
    call = Call("6f1c", now(), "192.0.2.1", "cep", None, None, None, message)
    with tempfile.TemporaryDirectory() as directory:
        async with AuditLog(Path(directory) / "audit.jsonl", now, lambda: None) as audit:
            service = SoapService(
                enrollment_policy_story(story), audit.open, Metrics(services=["cep"]), now, str, wsdetail=False
            )
            start = process_time()
            reply = await service.answer(call)
            first = (process_time() - start) * 1e3
            calls = []
            for _ in range(rounds):
                start = process_time()
                for _ in range(times):
                    reply = await service.answer(call)
                calls.append((process_time() - start) / times * 1e3)
    assert (reply.status, inside.asked) == (200, 1)
    opened = policies.open_to(REQUESTER)
    response = publish(inside.offer, opened, publication).response
    return SimpleNamespace(
        bytes=len(reply.body),
        first=first,
        call=median(calls),
        slowest=max(calls),
        admitting=median(milliseconds_of(partial(policies.open_to, REQUESTER), times) for _ in range(rounds)),
        publish=milliseconds_of(partial(publish, inside.offer, opened, publication), times),
        render=milliseconds_of(lambda: render_body(xcep.render_get_policies_response(response)), times),
        parse=milliseconds_of(lambda: xcep.parse_get_policies_response(parse_envelope(reply.body)), times),
        memory=_memory_of(reply.body),
    )


def _memory_of(message: bytes) -> int:
    """Bytes that a parsed answer takes."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    response = xcep.parse_get_policies_response(parse_envelope(message))
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.policies
    return after - before


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.get_policies", description=__doc__)
    parser.add_argument("--templates", type=int, default=208, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--times", type=int, default=50, help="in each round (default: %(default)s)")
    options = parser.parse_args(arguments)
    configure_logging("error")
    found = asyncio.run(measured(options.templates, options.rounds, options.times))
    print(f"{options.templates} templates, an answer of {found.bytes / 1000:.0f} kB; ms of CPU.\n")
    print_table(
        ("", "ms"),
        [
            ("a call, when all is kept", f"{found.call:.2f}"),
            ("  the same, slowest round", f"{found.slowest:.2f}"),
            ("  of it, the policies: what is open to the requester", f"{found.admitting:.2f}"),
            ("the first call", f"{found.first:.1f}"),
            ("  of it, reducing", f"{found.publish:.1f}"),
            ("  of it, rendering", f"{found.render:.1f}"),
            ("reading CEP's answer, once for each question", f"{found.parse:.1f}"),
        ],
    )
    print(f"\nan answer of CEP takes {found.memory / found.bytes:.1f} times its XML in memory")
    return 0 if found.call < CANNOT_BE_LESS else 1


if __name__ == "__main__":
    raise SystemExit(main())
