from dataclasses import replace

import pytest

from gateway.pki.certificate_request import RequestClientInfo
from gateway.pki.names import GeneralName, GeneralNameType
from gateway.policy.cel import (
    MAX_EXPRESSION,
    MAX_VALUES,
    VARIABLES,
    CelCondition,
    Expression,
    NotAnExpression,
    variables_of,
)
from gateway.policy.decision import Application, Concern
from gateway.policy.load import load_policies
from gateway.strict_yaml import Mistaken
from tests.builders import (
    a_certificate,
    a_policy_file,
    a_public_key,
    a_request,
    a_requester,
    an_account,
    an_application,
)

SERVER_AUTH, CLIENT_AUTH, UNKNOWN = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.2.3.4"


def an_application_of_everything() -> Application:
    """One in which every variable has a value."""
    account = an_account("web01$", dns_host_name="web01.corp.example", groups=frozenset({"web servers", "all"}))
    requester = replace(a_requester(account.name), directory_account=account, partner="partner-a")
    request = a_request(
        ("commonName", "web01"),
        ("organizationName", "A"),
        ("organizationName", "B"),
        dns=["web01.corp.example", "www.corp.example"],
        key=a_public_key("EC", 256, "secp256r1"),
        key_usage=("digitalSignature",),
        extended_key_usage=(SERVER_AUTH, UNKNOWN),
        application_policies=(SERVER_AUTH, CLIENT_AUTH),
        name_value_pairs={"C-CM": "web01"},
    )
    request = replace(
        request,
        client_info=RequestClientInfo(5, "web01", None, "certreq.exe"),
        os_version="10.0",
        renewal_certificate=a_certificate(),
        requester_name="CORP\\bob",
    )
    return an_application(request, requester, {"rmd": "web01.corp.example"})


def objections(expression: str, application: Application | None = None) -> list[str]:
    """What is wanted, of each violation."""
    condition = CelCondition((Expression("mine", expression, "as I say"),))
    found = condition.violations("a rule", application or an_application_of_everything())
    assert all((v.rule, v.concern, v.field) == ("a rule", Concern.CONDITIONS, "mine") for v in found)
    return [violation.wanted for violation in found]


# --- what an expression can speak of --------------------------------------------------------------------------------

TRUE = {
    "account": "account == 'web01$@corp.example'",
    "authentication": "authentication == 'Certificate'",
    "partner": "partner == 'partner-a'",
    "groups": "'web servers' in groups && size(groups) == 2",
    "distinguishedName": "distinguishedName.endsWith(',CN=Users,DC=corp,DC=example')",
    "userPrincipalName": "userPrincipalName == 'web01$@corp.example'",
    "dNSHostName": "dNSHostName in subjectAlternativeName.dNSName",
    "template": "template == 'PartnerWebServer'",
    "subject": "subject.commonName == ['web01'] && subject.organizationName == ['A', 'B']",
    "subjectAlternativeName": "subjectAlternativeName.dNSName.all(name, name.endsWith('.corp.example'))",
    "keyAlgorithm": "keyAlgorithm == 'EC'",
    "keySize": "keySize >= 256",
    "keyCurve": "keyCurve == 'secp256r1'",
    "keyUsage": "keyUsage == ['digitalSignature']",
    "extendedKeyUsage": "extendedKeyUsage == ['serverAuth', '1.2.3.4', 'clientAuth']",
    "requestAttributes": "requestAttributes.ccm == ['web01'] && requestAttributes.rmd[0].startsWith('web01.')",
    "clientInformation": "clientInformation.process == 'certreq.exe' && !has(clientInformation.user)",
    "isRenewal": "isRenewal",
    "onBehalfOf": "onBehalfOf == r'CORP\\bob'",
}


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_has_its_value(variable: str) -> None:
    assert objections(TRUE[variable]) == []
    assert objections(f"!({TRUE[variable]})") == ["as I say"]


def test_what_is_not_known_is_empty() -> None:
    empty = (
        "partner == '' && groups == [] && distinguishedName == '' && userPrincipalName == '' && dNSHostName == ''"
        " && template == '' && size(subject) == 0 && size(subjectAlternativeName) == 0 && keyCurve == ''"
        " && keyUsage == [] && extendedKeyUsage == [] && size(requestAttributes) == 0"
        " && size(clientInformation) == 0 && !isRenewal && onBehalfOf == ''"
    )

    assert objections(empty, an_application(a_request(template=None))) == []


def test_a_template_that_is_named_by_its_number_has_no_name() -> None:
    assert objections("template == ''", an_application(a_request(template=None, template_oid="1.2.3"))) == []


def test_an_account_without_names_of_its_own_has_empty_ones() -> None:
    account = an_account(user_principal_name=None)
    application = an_application(requester=replace(a_requester(), directory_account=account))

    assert objections("userPrincipalName == '' && dNSHostName == '' && distinguishedName != ''", application) == []


def test_the_variables_are_those_that_are_declared() -> None:
    assert variables_of(an_application()).keys() == VARIABLES.keys()


# --- what is wrong with an expression is told when it is loaded -----------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("account = 'a'", "1:9"),
        ("account == 1", "1:9: found no matching overload for '_==_' applied to"),
        ("groups.all(g, g == keySize)", "found no matching overload"),
        ("acount == 'a'", "undeclared reference to 'acount'"),
        ("account.startsWith('a'", "Syntax error: missing '\\)'"),
        ("account", "an expression of type string: it must be bool"),
        ("subject.commonName", "it must be bool"),
        ("dyn(true)", "it must be bool"),
        ("", "not an expression of CEL"),
        ("(" * 900 + "true" + ")" * 900, "not an expression of CEL"),
        ("account == '\ud800'", "not an expression of CEL"),
    ],
)
def test_what_is_no_condition_is_told_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(NotAnExpression, match=message):
        Expression("mine", expression, "as I say")


def condition_of(*sections: str) -> CelCondition:
    (policy,) = load_policies([("P.yaml", a_policy_file(*sections))]).policies
    (condition,) = (c for c in policy.rules[0].conditions if isinstance(c, CelCondition))
    return condition


def test_the_section_is_read() -> None:
    condition = condition_of("conditions: [{name: mine, expression: keySize > 1, message: a long key}]")

    assert condition == CelCondition((Expression("mine", "keySize > 1", "a long key"),))


@pytest.mark.parametrize(
    ("section", "path", "message"),
    [
        ("[]", "rules.0.conditions", "must not be empty"),
        ("[{name: a, expression: 'true'}]", "rules.0.conditions.0.message", "missing"),
        ("[{name: a, expression: keySize, message: b}]", "rules.0.conditions.0.expression", "of type int"),
        ("[{name: a, expression: keyLength > 1, message: b}]", "rules.0.conditions.0.expression", "undeclared"),
        (
            f'[{{name: a, expression: "{"true || " * 250}true", message: b}}]',
            "rules.0.conditions.0.expression",
            f"at most {MAX_EXPRESSION} characters",
        ),
    ],
)
def test_a_mistake_has_its_line(section: str, path: str, message: str) -> None:
    with pytest.raises(Mistaken) as mistaken:
        condition_of(f"conditions: {section}")

    (mistake,) = mistaken.value.mistakes
    assert (mistake.line, mistake.path) == (6, path)
    assert message in mistake.message


def test_an_expression_of_two_thousand_characters_is_not_too_long() -> None:
    text = f"{'true || ' * 249}{'true':>8}"
    assert len(text) == 2000

    assert condition_of(f"conditions: [{{name: a, expression: '{text}', message: b}}]").expressions
    with pytest.raises(Mistaken, match="at most 2000 characters"):
        condition_of(f"conditions: [{{name: a, expression: '{text} ', message: b}}]")


# --- what goes wrong while it is evaluated --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("subject.surname[0] == 'x'", "Key not found in map"),
        ("groups[7] == 'x'", "index"),
        ("1 / (keySize - 256) == 1", "divide by zero"),
        ("account.matches('(' + partner)", "invalid regular expression"),
    ],
)
def test_an_expression_that_cannot_be_evaluated_is_a_violation_that_says_so(expression: str, reason: str) -> None:
    (wanted,) = objections(expression)

    assert wanted.startswith("as I say (the expression cannot be evaluated: ")
    assert reason in wanted


def test_a_value_that_is_no_text_is_a_violation() -> None:
    application = an_application(a_request(("commonName", "\ud800")))

    (wanted,) = objections("subject.commonName[0] == 'x'", application)

    assert "cannot be evaluated" in wanted


def an_application_with_names(number: int) -> Application:
    names = tuple(GeneralName(GeneralNameType.DNS_NAME, f"{n}.partner.example") for n in range(number))
    return an_application(a_request(san=names))


NAMES = "subjectAlternativeName.dNSName"


@pytest.mark.parametrize(
    "expression",
    [
        f"{NAMES}.all(a, {NAMES}.all(b, a != b + 'x'))",
        f"{NAMES}.all(a, {NAMES}.all(b, {NAMES}.all(c, {NAMES}.exists(d, d != a + b + c))))",
        f"size({NAMES}.map(a, {NAMES}.map(b, {NAMES}.filter(c, c != a + b)))) > 0",
    ],
)
def test_nested_loops_end_with_a_violation(expression: str) -> None:
    (wanted,) = objections(expression, an_application_with_names(MAX_VALUES))

    assert "Iteration budget exceeded" in wanted


def test_a_request_with_very_many_values_is_not_even_looked_at() -> None:
    condition = CelCondition((Expression("mine", f"size({NAMES}.map(a, {NAMES})) > 0", "as I say"),))

    (violation,) = condition.violations("a rule", an_application_with_names(20_000))

    assert (violation.field, violation.value) == ("request", "20000 values")
    assert violation.wanted == "at most 200, where there are conditions"


@pytest.mark.parametrize(
    "application",
    [
        an_application(a_request(*(("commonName", "x"),) * (MAX_VALUES + 1))),
        an_application(a_request(extended_key_usage=("1.2.3",) * MAX_VALUES, application_policies=("1.2.3",))),
        an_application(context={f"a{n}": "x" for n in range(MAX_VALUES + 1)}),
        an_application_with_names(MAX_VALUES + 1),
    ],
)
def test_every_kind_of_value_counts(application: Application) -> None:
    condition = CelCondition((Expression("mine", "true", "as I say"),))

    assert [violation.field for violation in condition.violations("a rule", application)] == ["request"]


def test_as_many_values_as_may_be_are_looked_at() -> None:
    application = an_application(a_request(*(("commonName", "x"),) * MAX_VALUES))

    assert objections(f"size(subject.commonName) == {MAX_VALUES}", application) == []


def test_one_loop_over_as_many_as_may_be_is_within_the_budget() -> None:
    of_partner = f"{NAMES}.all(name, name.matches('^([0-9]+)*[.]partner[.]example$'))"

    assert objections(of_partner, an_application_with_names(MAX_VALUES)) == []


def test_a_pattern_that_others_would_never_finish_does() -> None:
    application = an_application(a_request(("commonName", "a" * 20_000)))

    assert (
        objections(
            "subject.commonName[0].matches('^(a+)+$') && !subject.commonName[0].matches('^(a|aa)+b$')", application
        )
        == []
    )


def test_every_condition_is_judged() -> None:
    condition = CelCondition(
        (
            Expression("first", "false", "not this"),
            Expression("second", "true", "this"),
            Expression("third", "1 / (keySize - keySize) == 1", "nor this"),
        )
    )

    found = condition.violations("a rule", an_application())

    assert [(violation.field, violation.value) for violation in found] == [
        ("first", "false"),
        ("third", "1 / (keySize - keySize) == 1"),
    ]


def test_without_conditions_nothing_is_refused() -> None:
    assert CelCondition(()).violations("a rule", an_application_with_names(MAX_VALUES + 1)) == ()
