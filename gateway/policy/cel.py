"""Conditions in CEL, the Common Expression Language: for what the other sections cannot say (decision 0014).

An expression is compiled and type-checked when the policy is loaded. Its evaluation is bounded by the library's budget
of 10,000 iterations, and by the number of values that it may be about; what fails is a violation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cel_expr_python import cel

from gateway.policy.client_information import client_information
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.violations import first_of, violation
from gateway.policy.vocabulary import EXTENDED_KEY_USAGES

MAX_EXPRESSION = 2000
"""Characters: some 25 lines. What is longer is hard to judge for whoever reads the policy."""

MAX_VALUES = 200
"""Of names, usages and attributes in one request. The library's `map` and `filter` copy the list at every step, so that
the budget alone would admit seconds: 3 s for 9,000 names, 3 ms for 200."""

_STRING = cel.Type.STRING
_STRINGS = cel.Type.List(_STRING)

VARIABLES: Mapping[str, cel.Type] = {
    "account": _STRING,
    "authentication": _STRING,
    "partner": _STRING,
    "groups": _STRINGS,
    "distinguishedName": _STRING,
    "userPrincipalName": _STRING,
    "dNSHostName": _STRING,
    "template": _STRING,
    "subject": cel.Type.Map(_STRING, _STRINGS),
    "subjectAlternativeName": cel.Type.Map(_STRING, _STRINGS),
    "keyAlgorithm": _STRING,
    "keySize": cel.Type.INT,
    "keyCurve": _STRING,
    "keyUsage": _STRINGS,
    "extendedKeyUsage": _STRINGS,
    "requestAttributes": cel.Type.Map(_STRING, _STRINGS),
    "clientInformation": cel.Type.Map(_STRING, _STRING),
    "isRenewal": cel.Type.BOOL,
    "onBehalfOf": _STRING,
}
"""What expressions can speak of, with the types that they are checked against. A text that is not known is empty."""

_FAILURES = (RuntimeError, TypeError, ValueError)
"""What the library raises: among others for text that is no Unicode."""

_ENVIRONMENT = cel.NewEnv(variables=VARIABLES)
_NAMES_OF_USAGES = {oid: name for name, oid in EXTENDED_KEY_USAGES.items()}


class NotAnExpression(ValueError):
    """Text of a policy file that is no expression of type bool."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition, compiled."""

    name: str
    expression: str
    message: str
    """What is wanted, in the words of whoever wrote it."""
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises NotAnExpression, with the place in the text."""
        object.__setattr__(self, "_compiled", compiled(self.expression))

    def wanted_instead_of(self, variables: Mapping[str, object]) -> str | None:
        """What is wanted, if it is not so, or if nobody can tell."""
        try:
            value = self._compiled.eval(data=variables)
        except _FAILURES as error:
            return f"{self.message} (the expression cannot be evaluated: {error})"
        if value.type() != cel.Type.BOOL:
            return f"{self.message} (the expression cannot be evaluated: {value.value()})"
        return None if value.value() is True else self.message


def compiled(expression: str) -> cel.Expression:
    """Raises NotAnExpression."""
    try:
        program = _ENVIRONMENT.compile(expression)
    except _FAILURES as error:
        reason = str(error).removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
        raise NotAnExpression(f"not an expression of CEL: {reason}") from error
    if program.return_type() != cel.Type.BOOL:
        raise NotAnExpression(f"an expression of type {program.return_type().name().lower()}: it must be bool")
    return program


@dataclass(frozen=True, slots=True)
class CelCondition:
    """`conditions`: each expression must be true."""

    expressions: tuple[Expression, ...]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        if not self.expressions:
            return ()
        if (values := _values_in(application)) > MAX_VALUES:
            shown, wanted = f"{values} values", f"at most {MAX_VALUES}, where there are conditions"
            return (violation(rule, Concern.CONDITIONS, "request", shown, wanted),)
        return first_of(self._violations(rule, variables_of(application)))

    def _violations(self, rule: str, variables: Mapping[str, object]) -> Iterator[Violation]:
        for expression in self.expressions:
            if (wanted := expression.wanted_instead_of(variables)) is not None:
                yield violation(rule, Concern.CONDITIONS, expression.name, expression.expression, wanted)


def _values_in(application: Application) -> int:
    """How many there are that a client can have as many of as it likes."""
    request = application.request
    return (
        sum(1 for _ in request.subject.attributes())
        + len(request.subject_alternative_name)
        + len(request.extended_key_usage or ())
        + len(request.application_policies or ())
        + len(application.request_attributes)
    )


def variables_of(application: Application) -> Mapping[str, object]:
    """The values of VARIABLES."""
    return {**_of_requester(application), **_of_request(application)}


def _of_requester(application: Application) -> dict[str, object]:
    requester = application.requester
    account = requester.directory_account
    return {
        "account": requester.account,
        "authentication": requester.authentication,
        "partner": requester.partner or "",
        "groups": sorted(account.groups) if account else [],
        "distinguishedName": account.distinguished_name if account else "",
        "userPrincipalName": (account.user_principal_name if account else None) or "",
        "dNSHostName": (account.dns_host_name if account else None) or "",
    }


def _of_request(application: Application) -> dict[str, object]:
    request = application.request
    usages = dict.fromkeys((*(request.extended_key_usage or ()), *(request.application_policies or ())))
    told = client_information(request)
    return {
        "template": next((reference.name for reference in application.template_references if reference.name), ""),
        "subject": _lists((attribute.type, attribute.value) for attribute in request.subject.attributes()),
        "subjectAlternativeName": _lists((str(name.type), name.value) for name in request.subject_alternative_name),
        "keyAlgorithm": request.public_key.algorithm,
        "keySize": request.public_key.size,
        "keyCurve": request.public_key.curve or "",
        "keyUsage": list(request.key_usage or ()),
        "extendedKeyUsage": [_NAMES_OF_USAGES.get(oid, oid) for oid in usages],
        "requestAttributes": _lists((pair.normalised, pair.value) for pair in application.request_attributes),
        "clientInformation": {name: value for name, value in told.items() if value is not None},
        "isRenewal": request.renewal_certificate is not None,
        "onBehalfOf": request.requester_name or "",
    }


def _lists(pairs: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists
