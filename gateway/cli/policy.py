"""`ces-gateway policy`: policies tried before they count."""

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli import policy_import, policy_replay, policy_test

if TYPE_CHECKING:
    import argparse


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its verbs."""
    command = commands.add_parser("policy", help="try policies before they count")
    verbs = command.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = verbs.add_parser("test", help="run the examples in the policy files of a directory")
    verb.add_argument("directory", type=Path, metavar="DIR")
    verb.add_argument("--verbose", action="store_true", help="name the examples that are as wanted, too")
    verb.set_defaults(run=policy_test.run)

    verb = verbs.add_parser("replay", help="judge recorded requests under other policies, and say what would change")
    verb.add_argument("--candidate", type=Path, required=True, metavar="DIR", help="the other policies")
    verb.add_argument(
        "--since",
        type=policy_replay.parse_since,
        metavar="TIME",
        help="a date, or a time in ISO 8601 (UTC, unless it says otherwise): only what came later",
    )
    verb.add_argument("--json", action="store_true", help="for machines: one JSON object a line, the summary last")
    verb.add_argument("files", type=Path, nargs="+", metavar="AUDIT-FILE")
    verb.set_defaults(run=policy_replay.run)

    policy_import.add_to(verbs)
