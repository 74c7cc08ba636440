"""`ces-gateway policy test`: whether policy files allow and refuse what their own examples say."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from gateway.config import policy_files
from gateway.policy.load import PlacedExample, load_examples, load_policies
from gateway.trial.examples import Outcome, incomplete
from gateway.trial.examples import run as run_examples


def run(options: argparse.Namespace) -> int:
    """0: every example is as its file wants it, 1: one is not. Raises Mistaken or OSError."""
    files = policy_files(options.directory)
    policies, examples = load_policies(files), load_examples(files)
    failures = 0
    for outcome in run_examples(policies, examples, _read, datetime.now(UTC)):
        if not outcome.is_as_wanted:
            failures += 1
            _print_failure(outcome)
        elif options.verbose:
            print(f"{_place(outcome.example)}: {outcome.example.section.name}: {outcome.wanted}")
    for policy, missing in incomplete(policies, examples):
        failures += 1
        print(f"{policy.name}: {missing}")
    print(f"{len(policies.policies)} policies, {len(examples)} examples, {failures} failures")
    return 1 if failures else 0


def _read(example: PlacedExample, name: str) -> bytes:
    return (Path(example.file).parent / name).read_bytes()


def _place(example: PlacedExample) -> str:
    return f"{example.file}:{example.line}"


def _print_failure(outcome: Outcome) -> None:
    print(f"{_place(outcome.example)}: {outcome.example.section.name}")
    print(f"    wanted: {outcome.wanted}")
    for line in outcome.became:
        print(f"    became: {line}")
