"""`python -m tests.bench.policies`: what judging costs, and whether it grows with the number of policies.

The same request of the same requester is judged by 10 policies and by 10,000, in turns, so that whatever else the
machine does meets both. Also what it costs to load so many.
"""

import argparse
import re
import resource
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, Policies, approve
from gateway.policy.load import load_policies
from tests.bench.table import print_table
from tests.builders import a_requester
from tests.requests import a_certification_request, a_key

FEW = 10
OWN = "PartnerWebServer\n"
POLICY = Path(__file__).parents[2] / "policies" / "PartnerWebServer.yaml"
REQUESTER = a_requester("partner-b", "Certificate")
"""For the last rule of the file: all of them are judged."""


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.policies", description=__doc__)
    parser.add_argument("--policies", type=int, default=10_000, help="compared to 10 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=31, help="default: %(default)s")
    parser.add_argument("--times", type=int, default=1000, help="judged in each round (default: %(default)s)")
    return parser.parse_args(arguments)


def some_policies(number: int) -> Policies:
    """Copies of a policy of two rules, each for a template of its own, without the examples."""
    text, _, _ = POLICY.read_text(encoding="utf-8").partition("\nexamples:")
    text = re.sub(r"(?m)^  oid: .*\n", "", text)
    return load_policies((f"P{n}.yaml", text.replace(OWN, f"Template{n}\n  oid: 1.2.{n}\n", 1)) for n in range(number))


def a_request(template: str) -> bytes:
    hosts = [f"web{n:02}.partner-b.example" for n in range(5)]
    return a_certification_request(f"CN={hosts[0]}", dns=hosts, template=template, key=a_key("RSA"))


def seconds_of(do: Callable[[], object], times: int) -> float:
    start = perf_counter()
    for _ in range(times):
        do()
    return (perf_counter() - start) / times


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    few = some_policies(FEW)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    many = some_policies(options.policies)
    loading = perf_counter() - start
    kib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / options.policies
    der = a_request(f"Template{FEW - 1}")
    application = Application(REQUESTER, parse_certificate_request(der))

    rounds = [
        [seconds_of(partial(approve, policies, application), options.times) for policies in (few, many)]
        for _ in range(options.rounds)
    ]
    parsing = median(seconds_of(lambda: parse_certificate_request(der), 20) for _ in range(options.rounds))

    ratios = sorted(slow / fast for fast, slow in rounds)
    names = (f"{FEW} policies", f"{options.policies} policies")
    times = [median(column) * 1e6 for column in zip(*rounds, strict=True)]
    print("Judging one request with five names by a policy with two rules; medians of interleaved rounds.\n")
    print_table(("", "us"), [(name, f"{time:.1f}") for name, time in zip(names, times, strict=True)])
    print(f"\nratio {median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")
    print(f"reading the request and verifying its signature takes {parsing * 1e6:.0f} us")
    print(f"loading {options.policies} policies took {loading:.1f} s and {kib:.0f} KiB each")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
