"""Whether a value is spelled in the one way that a pattern can safely be compared with.

Look-alikes, insignificant blanks and half-read names are not interpreted: such a value matches nothing, so that it is
refused.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from unicodedata import category, is_normalized, normalize

from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.pki.names import GeneralNameType

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOTTED_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


def is_plain(value: str) -> bool:
    """Printable, in Unicode normal form NFKC, without blanks that comparisons would ignore (RFC 4518 2).

    NFKC, because the directory takes full-width letters and ligatures for the plain ones. Letters of another script
    that merely look alike differ here as they do there.
    """
    return value.isprintable() and is_normalized("NFKC", value) and value == " ".join(value.split())


def folded(value: str) -> str:
    """The value as a directory compares it: without accents, and without marks that nobody sees.

    Active Directory takes administrátor for administrator (it compares with NORM_IGNORENONSPACE), so what denies
    the one must deny the other. For denying only: a value that is allowed is the one that was written.
    """
    if value.isascii():
        return value
    letters = normalize("NFKD", value).casefold().translate(_UNACCENTED)
    return "".join(letter for letter in letters if category(letter) not in _MARKS and letter not in _FILLERS)


_MARKS = frozenset({"Mn", "Me"})
_FILLERS = frozenset("\u115f\u1160")
"""Letters without a shape."""
_UNACCENTED = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "þ": "th", "\u0131": "i"}
)
"""Letters whose stroke is no accent to Unicode, but is one to Windows' sorting."""


def is_dns_name(value: str) -> bool:
    """Letters, digits and hyphens (RFC 1123 2.1), no empty label, no trailing dot; the asterisk is not a letter."""
    return len(value) <= 253 and all(_LABEL.fullmatch(label) for label in value.split("."))


def is_mailbox(value: str) -> bool:
    """`local@dns.name` with one at-sign and no blank: the common form of e-mail addresses and user principal names."""
    local, _, domain = value.rpartition("@")
    return bool(local) and not {"@", " "}.intersection(local) and is_dns_name(domain)


def parse_ip_address(value: str) -> IPv4Address | IPv6Address | None:
    """The address, or None. An IPv4 address in IPv6's clothes would slip past the networks of its own family."""
    try:
        address = ip_address(value)
    except ValueError:
        return None
    return None if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.scope_id) else address


def _is_dns_name_or_wildcard(value: str) -> bool:
    return is_dns_name(value.removeprefix("*."))


def _is_rfc822_name(value: str) -> bool:
    """RFC 5280 4.2.1.6 has a Mailbox without comments; quoted local parts are left out, for nobody can read them."""
    return is_mailbox(value) and bool(_DOT_ATOM.fullmatch(value.rpartition("@")[0]))


def _is_ip_address(value: str) -> bool:
    return parse_ip_address(value) is not None


def _is_uri(value: str) -> bool:
    return bool(_URI.fullmatch(value))


def _is_object_identifier(value: str) -> bool:
    return bool(_DOTTED_NUMBERS.fullmatch(value))


def _is_directory_name(value: str) -> bool:
    try:
        parse_distinguished_name(value)
    except ValueError:
        return False
    return True


WELL_FORMED: Mapping[GeneralNameType, Callable[[str], bool]] = {
    GeneralNameType.DNS_NAME: _is_dns_name_or_wildcard,
    GeneralNameType.IP_ADDRESS: _is_ip_address,
    GeneralNameType.RFC822_NAME: _is_rfc822_name,
    GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER: _is_uri,
    GeneralNameType.USER_PRINCIPAL_NAME: is_mailbox,
    GeneralNameType.REGISTERED_ID: _is_object_identifier,
    GeneralNameType.DIRECTORY_NAME: _is_directory_name,
}
"""The types of general names that a policy can speak of, but for otherName, which may have any form."""
