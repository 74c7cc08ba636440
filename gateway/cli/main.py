"""The command line: arguments and exit codes. Every command is a function of its own module."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway import __version__
from gateway.cli import (
    certificates,
    check_config,
    enroll,
    explain,
    explain_requester,
    hash_password,
    lab,
    policy,
    serve,
    templates,
    verify_audit,
)
from gateway.errors import StateUnavailable
from gateway.strict_yaml import Mistaken


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: done, 1: the answer is no, or it failed for the reason printed, 2: not understood."""
    parser = argparse.ArgumentParser(
        prog="ces-gateway", description="A policy-enforcing gateway in front of Microsoft's CEP and CES."
    )
    parser.add_argument("--version", action="version", version=f"ces-gateway {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("lab", help="run an embedded CA with CEP and CES, and the gateway before it")
    command.add_argument("--once", action="store_true", help="enroll once, say what happened, and exit")
    command.add_argument(
        "--ad", action="store_true", help="with an Active Directory domain (Samba), and people who come by Kerberos too"
    )
    command.add_argument(
        "--directory", type=Path, default=Path("lab-state"), help="where keys, configuration and audit go"
    )
    command.set_defaults(run=lab.run)

    command = commands.add_parser("serve", help="run the gateway")
    command.add_argument("--config", type=Path, required=True, metavar="FILE")
    command.set_defaults(run=serve.run)

    command = commands.add_parser("check-config", help="check the configuration and all it names, without starting")
    command.add_argument("--config", type=Path, required=True, metavar="FILE")
    command.set_defaults(run=check_config.run)

    command = commands.add_parser("explain", help="say what would be decided about a request, and why")
    command.add_argument("--config", type=Path, required=True, metavar="FILE")
    explain_requester.add_to(command)
    command.add_argument("--all", action="store_true", help="say of every other policy why it did not apply")
    command.add_argument("--json", action="store_true", help="the trace for machines")
    command.add_argument(
        "request", type=Path, metavar="REQUEST", help="PKCS#10, CMS or CMC in PEM or DER, or a captured SOAP message"
    )
    command.set_defaults(run=explain.run)

    command = commands.add_parser("templates", help="show what the template catalogue knows, beside the policies")
    command.add_argument("--config", type=Path, required=True, metavar="FILE")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=templates.run)

    certificates.add_to(commands)
    enroll.add_to(commands)
    policy.add_to(commands)

    command = commands.add_parser("hash-password", help="read a password and print its line for the password file")
    command.add_argument("username")
    command.set_defaults(run=hash_password.run)

    command = commands.add_parser("verify-audit", help="check that no line of an audit file was changed or taken out")
    command.add_argument("file", type=Path, metavar="FILE")
    command.set_defaults(run=verify_audit.run)

    options = parser.parse_args(arguments)
    try:
        result: int = options.run(options)
    except Mistaken as mistaken:
        for mistake in mistaken.mistakes:
            print(mistake, file=sys.stderr)
        return 1
    except (OSError, StateUnavailable) as error:
        # An address in use, an audit file that is another process's, a file that cannot be read, no Redis server.
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return result
