"""`ces-gateway policy replay`: what would have become of recorded requests under other policies."""

import argparse
import json
from datetime import UTC, datetime

from gateway.config import read_policies
from gateway.trial.replay import Changed, Summary, lines_of, replay


def run(options: argparse.Namespace) -> int:
    """0: nothing would change, 1: something would. Raises Mistaken or OSError."""
    candidate = read_policies(options.candidate)
    summary = Summary()
    tell = _print_json if options.json else _print
    for path in options.files:
        with path.open("rb") as file:
            for changed in replay(lines_of(file), candidate, summary, since=options.since or ""):
                tell(changed)
    if options.json:
        print(json.dumps({"same": summary.same, "changed": summary.changed, "not_replayable": summary.not_replayable}))
    else:
        _print_summary(summary)
    return 1 if summary.changed else 0


def parse_since(text: str) -> str:
    """A date or a time of ISO 8601 as the record writes times. Raises ValueError."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None).isoformat()


def _print(changed: Changed) -> None:
    recorded = changed.recorded
    print(f"{recorded.time} {recorded.call_id} {recorded.account} {changed.template}")
    print(f"    was       {changed.was}")
    print(f"    would be  {changed.would_be}")
    for violation in changed.vanished:
        print(f"    vanished  {violation}")
    for violation in changed.new:
        print(f"    new       {violation}")


def _print_json(changed: Changed) -> None:
    recorded = changed.recorded
    told = {
        "time": recorded.time,
        "call_id": recorded.call_id,
        "account": recorded.account,
        "template": changed.template,
        "change": changed.change,
        "was": changed.was,
        "would_be": changed.would_be,
        "vanished": changed.vanished,
        "new": changed.new,
    }
    print(json.dumps(told))


def _print_summary(summary: Summary) -> None:
    print(f"{summary.same + summary.changed} decisions judged again: {summary.changed} changed, {summary.same} same")
    for reason, times in summary.not_replayable.most_common():
        print(f"{times} not replayable: {reason}")
