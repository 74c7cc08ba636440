"""`ces-gateway hash-password`: one line for the password file."""

import argparse
import getpass
import sys

from gateway.authn.password_file import hash_password


def run(options: argparse.Namespace) -> int:
    """Read a password without echo (or from standard input, if it is no terminal) and print `username:hash`."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Again: "):
            print("The two are not the same.", file=sys.stderr)
            return 1
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password or ":" in options.username:
        print("A password must not be empty, and a user name must not contain a colon.", file=sys.stderr)
        return 1
    print(f"{options.username}:{hash_password(password)}")
    return 0
