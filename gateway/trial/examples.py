"""The examples of policy files, run: each is made into bytes, read by the parser and judged by all policies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from gateway.errors import GatewayError
from gateway.faults import fault_for
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, Decision, Mode, NotPermitted, Policies, Policy, decide
from gateway.policy.example_requests import MadeRequest, RequestMaker
from gateway.policy.examples import ExampleSection
from gateway.policy.load import PlacedExample
from gateway.policy.signers import standing_of_shown
from gateway.trial.keys import KeyRing
from gateway.trial.requesters import requester_of
from gateway.trial.submission import read_submission
from gateway.trial.vouching import authorities_of, vouched_for

Read = Callable[[PlacedExample, str], bytes]
"""The file that an example names. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one example."""

    example: PlacedExample
    decision: Decision

    @property
    def words(self) -> frozenset[str]:
        """What a refusal can be called by: sections, fields of sections, or its reason."""
        error = self.decision.error
        if isinstance(error, NotPermitted):
            concerns = {str(violation.concern) for violation in error.violations}
            return frozenset(concerns | {f"{violation.concern}.{violation.field}" for violation in error.violations})
        return frozenset() if error is None else frozenset({fault_for(error).reason})

    @property
    def is_as_wanted(self) -> bool:
        section = self.example.section
        if section.refused:
            return self.decision.approval is None and self.words.issuperset(section.refused)
        if self.decision.approval is None:
            return False
        met = {verdict.rule.name for verdict in self.decision.verdicts if not verdict.violations}
        return section.allowed is True or section.allowed in met

    @property
    def wanted(self) -> str:
        section = self.example.section
        if section.refused:
            return f"refused by {', '.join(section.refused)}"
        return "allowed" if section.allowed is True else f"allowed by rule {section.allowed}"

    @property
    def became(self) -> tuple[str, ...]:
        """What happened instead, one line each."""
        if self.decision.approval is not None:
            return (f"allowed by rule {self.decision.approval.rule.name}",)
        error = self.decision.error
        if isinstance(error, NotPermitted):
            return tuple(map(str, error.violations))
        assert error is not None, "a decision is one or the other"
        return (f"{fault_for(error).reason}: {error}",)


def run(policies: Policies, examples: Sequence[PlacedExample], read: Read, now: datetime) -> Iterator[Outcome]:
    """Each example's outcome, in their order. Raises OSError for a file that cannot be read.

    A policy in audit mode is taken as if it were enforced: examples are about what its rules say.
    """
    enforced = replace(policies, policies=tuple(replace(policy, mode=Mode.ENFORCE) for policy in policies.policies))
    by_name = {policy.name: policy for policy in enforced.policies}
    keys = KeyRing()
    for example in examples:
        maker = RequestMaker(by_name[example.policy].template, keys, now)
        yield Outcome(example, _decision(enforced, example.section, maker, partial(read, example), now))


def _decision(
    policies: Policies, section: ExampleSection, maker: RequestMaker, read: Callable[[str], bytes], now: datetime
) -> Decision:
    try:
        made = _made(section, maker, read)
        shown = made.client_certificate or maker.client_certificate(section.requester)
        requester = requester_of(section.requester, shown)
        request = parse_certificate_request(made.der)
        signers = vouched_for(request.signers, made.authorities, now)
        shown_by = authorities_of(maker.client_authorities(section.requester), now)
    except GatewayError as error:
        return Decision(None, (), None, error)
    standing = standing_of_shown(request, requester, shown_by, now)
    return decide(policies, Application(requester, request, made.additional_context, signers, standing))


def _made(section: ExampleSection, maker: RequestMaker, read: Callable[[str], bytes]) -> MadeRequest:
    if section.request is not None:
        return maker.request(section.request)
    assert section.file is not None, "an example has a request or a file"
    submission = read_submission(read(section.file))
    return MadeRequest(submission.der, submission.additional_context, (), None)


def incomplete(policies: Policies, examples: Sequence[PlacedExample]) -> Iterator[tuple[Policy, str]]:
    """The policies without an example of each kind: nobody can see from these what they are for."""
    for policy in policies.policies:
        kinds = {bool(example.section.refused) for example in examples if example.policy == policy.name}
        if False not in kinds:
            yield policy, "no example of a request that it must allow"
        if True not in kinds:
            yield policy, "no example of a request that it must refuse"
