"""Names of the inside, taken out of prose that is not ours: the CA's dispositions and refusals."""

from collections.abc import Callable, Iterable

import re2

_MASK = "(internal)"


def redactor(hosts: Iterable[str]) -> Callable[[str], str]:
    """A function that masks URLs, UNC paths, and every name in the DNS domains of the internal hosts.

    For `ces.corp.example` it masks whatever ends in `corp.example`. The text may be the CA's or an attacker's, so the
    engine is linear (google-re2).
    """
    names = "|".join(sorted({_names_around(host) for host in hosts}))
    pattern = re2.compile(rf"(?i)\b(?:https?|ldap|file)://\S+|\\\\[\w.$-]+(?:\\\S+)?|\b(?:{names})\b")
    return lambda text: pattern.sub(_MASK, text)


def _names_around(host: str) -> str:
    _, _, domain = host.partition(".")
    if not domain:
        return str(re2.escape(host))
    # A domain of one label ("local") is a word of the language as well: only with a name before it.
    below = "*" if "." in domain else "+"
    return rf"(?:[\w-]+\.){below}{re2.escape(domain)}"
