"""How measurements are shown."""

from collections.abc import Sequence


def print_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """The first column is what the others are about."""
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    for name, *cells in (headings, *lines):
        padded = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        print(name.ljust(widths[0]), *padded, sep="   ", flush=True)
