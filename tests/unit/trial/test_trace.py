from gateway.policy.decision import Application, Policies, select
from gateway.policy.load import load_policies
from gateway.trial.trace import led_to, others
from tests.builders import a_policy_file, a_request, a_requester, an_application

SOMEBODY = "[{account: somebody, authentication: [Certificate]}]"


def policies(**templates: str) -> Policies:
    """Template names by the names of their policies; the one called `mine` has a rule for the requester."""
    return load_policies([
        (f"{name}.yaml", a_policy_file(template=f"{{name: {template}}}", **({} if name == "mine" else OF_SOMEBODY)))
        for name, template in templates.items()
    ])  # fmt: skip


OF_SOMEBODY = {"requesters": SOMEBODY}
NO_RULE = "it has no rule for this requester"


def asking_for(template: str, context: str | None = None) -> Application:
    return an_application(
        a_request(template=template), a_requester(), {"CertificateTemplate": context} if context else None
    )


def test_each_naming_of_a_template_leads_somewhere_or_nowhere() -> None:
    known = policies(mine="Web")

    leads = led_to(known, asking_for("web", "Nowhere"))

    assert [(led.reference.name, led.policy.name if led.policy else None) for led in leads] == [
        ("web", "mine"),
        ("Nowhere", None),
    ]


def test_the_policies_that_did_not_judge_say_why_and_those_that_come_close_are_first() -> None:
    known = policies(far="Machine", judging="WebServer", similar="WebServers", mine="User")
    application = asking_for("WebServer")

    told = [(o.policy.name, o.is_close, o.reason) for o in others(known, application, select(known, application))]

    assert told == [
        (
            "similar",
            True,
            f"the request does not name its template WebServers, though a similar name; {NO_RULE}",
        ),
        ("mine", True, "the request does not name its template User; it has rules for this requester"),
        ("far", False, "the request does not name its template Machine; it has no rule for this requester"),
    ]


def test_in_a_conflict_the_policies_that_are_named_are_close() -> None:
    known = policies(first="Web", second="Machine")

    found = list(others(known, asking_for("Web", "Machine"), None))

    assert [other.is_close for other in found] == [True, True]
    assert found[0].reason.startswith("the request names its template Web, and another one elsewhere")


def test_a_request_that_names_no_template_comes_close_to_none() -> None:
    application = an_application(a_request(template=None, template_oid="1.2.3"))

    assert [other.is_close for other in others(policies(a="Web"), application, None)] == [False]
