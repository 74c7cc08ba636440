"""The conditions on attributes: name/value pairs of every origin, and the attributes of the PKCS#10."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.pki.certificate_request import EnrollmentNameValuePair
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.names import NameRule
from gateway.policy.patterns import Regex
from gateway.policy.violations import first_of, violation
from gateway.policy.vocabulary import FORBIDDEN_ATTRIBUTES, TOLERATED_PKCS10_ATTRIBUTES, VALIDITY_ATTRIBUTES
from gateway.policy.wellformed import is_plain
from gateway.requester import Requester

ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9]+")
"""In a policy. What the CA compares has neither blanks nor minus signs, and no colon, which would end the name."""

_MACHINE_NAME = NameRule((Regex("[A-Za-z0-9._-]{1,255}"),), max_occurrences=4, max_length=255)
"""A client may say it in the request as well as around it."""
MACHINE_NAMES: Mapping[str, NameRule] = MappingProxyType({"ccm": _MACHINE_NAME, "rmd": _MACHINE_NAME})
"""What client machines tell about themselves, unless a policy says otherwise. A CA records ccm and compares rmd with
the account's dNSHostName ([MS-WCCE] 3.2.2.6.2.1.1); neither says what the certificate will contain."""


@dataclass(frozen=True, slots=True)
class RequestAttributesCondition:
    """`requestAttributes`: the name/value pairs, in the request and around it. A CA acts on them.

    Values with a line break or another character that is not printable match nothing: to a CA, each line is a pair.
    """

    allowed: Mapping[str, NameRule]
    """By the name as the CA compares it."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return first_of(self._violations(rule, application))

    def _violations(self, rule: str, application: Application) -> Iterator[Violation]:
        pairs = application.request_attributes
        occurrences = Counter(pair.normalised for pair in pairs)
        for name, name_rule in self.allowed.items():
            if occurrences[name] > name_rule.max_occurrences:
                shown, wanted = f"{occurrences[name]} occurrences", f"at most {name_rule.max_occurrences}"
                yield violation(rule, Concern.ATTRIBUTES, name, shown, wanted)
            if name_rule.mandatory and not occurrences[name]:
                yield violation(rule, Concern.ATTRIBUTES, name, "", "at least one")
        for pair in pairs:
            yield from self._violations_of_pair(rule, pair, application.requester)

    def _violations_of_pair(
        self, rule: str, pair: EnrollmentNameValuePair, requester: Requester
    ) -> Iterator[Violation]:
        name, value = pair.normalised, pair.value
        if name in VALIDITY_ATTRIBUTES and pair.name.isprintable():
            return  # judged by `validity`
        name_rule = self.allowed.get(name)
        if name_rule is None or _is_forbidden(pair):
            is_forbidden = _is_forbidden(pair) or not value.isprintable()
            yield violation(rule, Concern.ATTRIBUTES, name, value, "absent", is_forbidden=is_forbidden)
        elif not is_plain(value):
            wanted = "printable NFKC text without superfluous blanks"
            yield violation(rule, Concern.ATTRIBUTES, name, value, wanted, is_forbidden=not value.isprintable())
        else:
            for wanted in name_rule.wanted_instead_of(value, requester):
                yield violation(rule, Concern.ATTRIBUTES, name, value, wanted)


def _is_forbidden(pair: EnrollmentNameValuePair) -> bool:
    """By its meaning, or because a name with a colon or a line break may be several to the CA."""
    name = pair.normalised
    return name in FORBIDDEN_ATTRIBUTES or not ATTRIBUTE_NAME.fullmatch(name) or not pair.name.isprintable()


@dataclass(frozen=True, slots=True)
class PKCS10AttributesCondition:
    """The attributes of the PKCS#10 that are read elsewhere, or that a CA ignores. An attestation would change what the
    request means, and so may what is not known here."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return first_of(
            violation(rule, Concern.ATTRIBUTES, oid, "", "absent")
            for oid in application.request.attributes
            if oid not in TOLERATED_PKCS10_ATTRIBUTES
        )
