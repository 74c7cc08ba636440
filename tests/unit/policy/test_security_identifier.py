from dataclasses import replace

import pytest

from gateway.policy.decision import Application, Concern
from gateway.policy.security_identifier import SecurityIdentifierCondition
from tests.builders import a_request, a_requester, an_account, an_application, general_names

OWN = "S-1-5-21-1-2-3-1104"
FOREIGN = "S-1-5-21-1-2-3-500"
TAG = "tag:microsoft.com,2022-09-14:sid:"
ALICE = replace(a_requester(), directory_account=an_account())
ALLOWED = SecurityIdentifierCondition(allowed=True)
UNSAID = SecurityIdentifierCondition()


def an_application_with(sid: str | None = None, uri: str | None = None, *, has_account: bool = True) -> Application:
    names = general_names(uniformResourceIdentifier=[uri] if uri else [])
    return an_application(
        a_request(san=names, security_identifier=sid), ALICE if has_account else a_requester("partner-a")
    )


def violations(condition: SecurityIdentifierCondition, application: Application) -> list[tuple[str, str, bool]]:
    """(field, wanted, forbidden) of each."""
    found = condition.violations("a rule", application)
    return [(violation.field, violation.wanted, violation.is_forbidden) for violation in found]


@pytest.mark.parametrize("uri", [f"{TAG}{OWN}", f"{TAG.upper()}{OWN}"])
def test_the_requesters_own_is_allowed_where_the_rule_says_so(uri: str) -> None:
    assert violations(ALLOWED, an_application_with(OWN, uri)) == []
    assert violations(UNSAID, an_application_with(OWN, uri)) == [
        ("securityIdentifier", "absent", False),
        ("uniformResourceIdentifier", "absent", False),
    ]


@pytest.mark.parametrize("uri", [f"{TAG}{FOREIGN}", f"{TAG}{OWN}0", f"{TAG}s-1-5-21-1-2-3-1104", TAG])
def test_another_accounts_is_forbidden(uri: str) -> None:
    own = f"the requester's own, {OWN}"

    assert violations(ALLOWED, an_application_with(FOREIGN, uri)) == [
        ("securityIdentifier", own, True),
        ("uniformResourceIdentifier", own, True),
    ]
    assert violations(UNSAID, an_application_with(FOREIGN, uri)) == [
        ("securityIdentifier", "absent", True),
        ("uniformResourceIdentifier", "absent", True),
    ]


@pytest.mark.parametrize("uri", ["tag:microsoft.com,2030-01-01:whatever", "TAG:Microsoft.com,2022-09-14:x"])
def test_what_microsoft_might_take_for_one_is_forbidden(uri: str) -> None:
    assert violations(ALLOWED, an_application_with(None, uri)) == [
        ("uniformResourceIdentifier", f"the requester's own, {OWN}", True)
    ]


def test_who_has_no_account_in_the_directory_has_none() -> None:
    application = an_application_with(OWN, f"{TAG}{OWN}", has_account=False)

    assert violations(ALLOWED, application) == [
        ("securityIdentifier", "absent", True),
        ("uniformResourceIdentifier", "absent", True),
    ]


def test_only_uris_are_tags() -> None:
    application = an_application(a_request(san=general_names(rfc822Name=[f"{TAG}{OWN}"])), ALICE)

    assert violations(UNSAID, application) == []


def test_a_request_that_states_none_is_not_judged() -> None:
    assert violations(UNSAID, an_application_with(None, "https://partner.example/")) == []


def test_an_extension_that_was_not_read_is_forbidden() -> None:
    application = an_application(a_request(extra_extensions=["1.3.6.1.4.1.311.25.2"]), ALICE)

    (violation,) = ALLOWED.violations("a rule", application)

    assert (violation.concern, violation.value, violation.is_forbidden) == (Concern.EXTENSIONS, "0500", True)


def test_a_sid_is_told_as_it_is_and_a_uri_as_it_is_written() -> None:
    found = ALLOWED.violations("a rule", an_application_with(FOREIGN, f"{TAG}{FOREIGN}"))

    assert [violation.value for violation in found] == [FOREIGN, f"{TAG}{FOREIGN}"]
