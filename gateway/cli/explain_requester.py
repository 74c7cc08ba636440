"""Who is assumed to ask, from the options of `ces-gateway explain` or from a file in the form of the examples'."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from gateway.policy.examples import RequesterFacts
from gateway.strict_yaml import Document, Mistake, Mistaken, parse

_FACTS = {
    "partner": "partner",
    "mapping_rule": "mappingRule",
    "issuer": "issuer",
    "distinguished_name": "distinguishedName",
    "organizational_unit": "organizationalUnit",
    "user_principal_name": "userPrincipalName",
    "dns_host_name": "dNSHostName",
    "mail": "mail",
    "common_name": "commonName",
    "display_name": "displayName",
    "object_sid": "objectSid",
}
"""Options with one value, and the words of a policy's examples for them."""


def add_to(command: argparse.ArgumentParser) -> None:
    who = command.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--as",
        dest="who",
        metavar="WHO",
        help="an account name, or the PEM file of a client certificate, which the mapping rules turn into an account",
    )
    who.add_argument(
        "--requester", type=Path, metavar="FILE", help="YAML with all about the requester, as in a policy's examples"
    )
    command.add_argument(
        "--authentication",
        choices=("UsernamePassword", "Certificate", "Kerberos"),
        default="UsernamePassword",
        help="how the account is assumed to have authenticated (default: %(default)s)",
    )
    facts = command.add_argument_group("what else is assumed of the account")
    facts.add_argument("--group", action="append", metavar="NAME", help="sAMAccountName of a group; several times")
    facts.add_argument("--group-sid", action="append", metavar="SID")
    for option, word in _FACTS.items():
        facts.add_argument(f"--{option.replace('_', '-')}", metavar="TEXT", help=f"{word} in a policy's examples")


def facts_of(options: argparse.Namespace, known: Mapping[str, object] | None = None) -> RequesterFacts:
    """`known` is what a client certificate has said already. Raises Mistaken."""
    if options.requester is not None:
        return _read(options.requester)
    said = known or {"account": options.who, "authentication": options.authentication}
    given = {word: getattr(options, option) for option, word in _FACTS.items()}
    lists = {"groups": options.group, "groupSids": options.group_sid}
    facts = {key: value for key, value in {**given, **lists, **said}.items() if value is not None}
    return Document("options", facts, {}).validate(RequesterFacts)


def _read(file: Path) -> RequesterFacts:
    try:
        return parse(file.read_text(encoding="utf-8"), file).validate(RequesterFacts)
    except (OSError, UnicodeDecodeError) as error:
        raise Mistaken((Mistake(str(file), 0, "", f"cannot be read: {error}"),)) from error
