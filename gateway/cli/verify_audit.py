"""`ces-gateway verify-audit`: whether an audit file is what was written."""

import argparse

from gateway.audit import verify


def run(options: argparse.Namespace) -> int:
    """0: every line is in order, 1: one is not, and which. Raises OSError."""
    verification = verify(options.file)
    if not verification.ok:
        print(f"BROKEN in line {verification.broken_line}: {verification.reason}")
        print(f"the {verification.count} lines before it hold")
        return 1
    print(f"{verification.count} lines in order, numbers {verification.first_sequence} to {verification.last_sequence}")
    if verification.restarts:
        print(f"{verification.restarts} torn line(s), explained by the line that follows")
    # That nothing was cut off at either end shows only against these, kept somewhere else.
    print(f"hangs on   {verification.previous}")
    print(f"ends with  {verification.digest}")
    return 0
