"""`ces-gateway policy import-tamemycerts`: a policy of TameMyCerts as a policy file, on standard output."""

import argparse
import sys
from pathlib import Path

from gateway.policy.tamemycerts import Target, import_policy


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = verbs.add_parser(
        "import-tamemycerts",
        help="convert a policy of TameMyCerts, and say what cannot be expressed",
        description="Prints the policy file. Exits with 1 if something is left to decide before it can be loaded.",
    )
    command.add_argument("file", type=Path, metavar="FILE", help="the XML file")
    command.add_argument("--template", metavar="NAME", help="its certificate template (default: the file's name)")
    command.add_argument("--oid", help="the template's object identifier")
    command.add_argument(
        "--account", metavar="WHO", help="who may request: an account, or all below .DOMAIN or at @DOMAIN"
    )
    command.add_argument(
        "--authentication",
        action="append",
        choices=("UsernamePassword", "Certificate", "Kerberos"),
        default=[],
        help="how they authenticate; can be given several times",
    )
    command.add_argument("--key-algorithm", choices=("RSA", "EC"), help="the template's (default: told by the lengths)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Raises Mistaken or OSError."""
    target = Target(
        options.template or options.file.stem,
        options.oid,
        options.account,
        tuple(options.authentication),
        options.key_algorithm,
    )
    imported = import_policy(options.file.read_bytes(), str(options.file), target)
    sys.stdout.write(imported.text)
    for text in imported.open:
        print(f"to decide: {text}", file=sys.stderr)
    for text in imported.notes:
        print(f"note: {text}", file=sys.stderr)
    return 1 if imported.open else 0
