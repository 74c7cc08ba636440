"""Rules about names: those of TameMyCerts as sections of a policy file."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

from gateway.pki.names import GeneralNameType
from gateway.policy.tamemycerts.document import Pattern, SubjectRule
from gateway.policy.tamemycerts.regex import NotExpressible, is_anchored, to_re2
from gateway.policy.tamemycerts.remarks import Remarks
from gateway.policy.tamemycerts.yaml_text import Node, ToFillIn
from gateway.policy.wellformed import is_plain

_IN_ANY_CASE = frozenset(
    {GeneralNameType.DNS_NAME, GeneralNameType.RFC822_NAME, GeneralNameType.USER_PRINCIPAL_NAME},
)


def names_section(section: str, rules: tuple[SubjectRule, ...], remarks: Remarks) -> Mapping[str, Node]:
    """`subject` or `subjectAlternativeName`; empty where nothing may stand in it."""
    return {rule.field: content for rule in rules if (content := _content(section, rule, remarks))}


def _content(section: str, rule: SubjectRule, remarks: Remarks) -> Mapping[str, Node]:
    where = f"{section}.{rule.field}"
    if _allows_nothing(rule) and not rule.mandatory:
        remarks.note(f"{where}: no value meets the original rule, so it is left out and refused")
        return {}
    allow = list(_allowed(where, rule, remarks))
    deny = list(_denied(where, rule, remarks))
    if not allow or _allows_nothing(rule):
        return {"allow": remarks.to_fill_in(ToFillIn(f"{where}: nothing of what the original allows can be expressed"))}
    return {
        "allow": allow,
        **({"deny": deny} if deny else {}),
        **({"mandatory": True} if rule.mandatory else {}),
        **({"maxOccurrences": rule.max_occurrences} if rule.max_occurrences != 1 else {}),
        **({"minLength": rule.min_length} if rule.min_length != 1 else {}),
        **({"maxLength": rule.max_length} if rule.max_length != 128 else {}),
    }


def _allows_nothing(rule: SubjectRule) -> bool:
    patterns = [pattern for pattern in rule.patterns if not pattern.denies]
    return not patterns or not rule.max_occurrences or not rule.max_length or rule.min_length > rule.max_length


def _allowed(where: str, rule: SubjectRule, remarks: Remarks) -> Iterator[Node]:
    for pattern in rule.patterns:
        if pattern.denies:
            continue
        try:
            yield from _translated(rule.field, pattern)
            _remark(where, rule.field, pattern, remarks)
        except NotExpressible as error:
            remarks.note(f"{where}: refused, though the original allows {_text(pattern)}: not expressible is {error}")


def _denied(where: str, rule: SubjectRule, remarks: Remarks) -> Iterator[Node]:
    for pattern in rule.patterns:
        if not pattern.denies:
            continue
        try:
            yield from _translated(rule.field, pattern)
        except NotExpressible as error:
            remarks.decide(f"{where}: the original denies {_text(pattern)}: not expressible is {error}")


def _remark(where: str, field: str, pattern: Pattern, remarks: Remarks) -> None:
    if pattern.treat_as.startswith("RegEx") and not is_anchored(pattern.expression):
        remarks.note(f"{where}: {_text(pattern)} is found anywhere in a value, as in the original: is that meant?")
    if field in _IN_ANY_CASE and pattern.treat_as in {"RegEx", "ExactMatch"}:
        remarks.note("DNS names, mail addresses and user principal names are the same in any case here")


def _text(pattern: Pattern) -> str:
    return f"{pattern.treat_as} {pattern.expression!r}"


def _translated(field: str, pattern: Pattern) -> Iterator[Node]:
    """Raises NotExpressible."""
    if field == GeneralNameType.IP_ADDRESS:
        yield from _of_addresses(pattern)
        return
    match pattern.treat_as:
        case "RegEx" | "RegExIgnoreCase":
            # Whatever denies disregards case anyway.
            ignore_case = pattern.treat_as == "RegExIgnoreCase" and not pattern.denies
            yield {"regex": to_re2(pattern.expression, ignore_case=ignore_case, anywhere=pattern.denies)}
        case "Cidr":
            raise NotExpressible("a network where names are, not addresses")
        case _ if not is_plain(pattern.expression):
            raise NotExpressible("a text with characters or blanks that no value can have")
        case "ExactMatch":
            yield {"exact": pattern.expression}
        case _:
            yield {"exactIgnoreCase": pattern.expression}


def _of_addresses(pattern: Pattern) -> Iterator[Node]:
    try:
        match pattern.treat_as:
            case "Cidr":
                yield from ({"cidr": network} for network in _networks(pattern.expression))
            case "ExactMatch" | "ExactMatchIgnoreCase":
                yield {"exact": str(ip_address(pattern.expression))}
            case _:
                raise NotExpressible("a regular expression on addresses")
    except ValueError as error:
        raise NotExpressible(str(error)) from error


def _networks(expression: str) -> tuple[str, ...]:
    """Bits beyond the prefix are of no meaning there, and a prefix of none means every address of both families."""
    if not expression.rpartition("/")[2].isdigit():
        raise NotExpressible("what is no network there, for it lacks the length of the prefix")
    network = ip_network(expression, strict=False)
    return (str(network),) if network.prefixlen else ("0.0.0.0/0", "::/0")
