"""What a line keeps so that it can be judged again; `tests/unit/trial/test_recorded.py` has the way back."""

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

from gateway.audit.judged import judged
from gateway.pki.authorities import vouched_for_before
from gateway.policy.decision import Application
from tests.builders import an_account
from tests.unit.audit.samples import (
    CANARY,
    a_certificate,
    a_certificate_requester,
    a_kerberos_requester,
    a_password_requester,
    an_application,
)


def told(application: Application, *, is_approved: bool = False) -> Any:
    facts = judged(application, is_approved=is_approved)
    return json.loads(json.dumps(facts))["judged"]


def test_request_context_and_signers_are_kept() -> None:
    signers = (vouched_for_before(a_certificate(), "Partner CA"),)

    assert told(replace(an_application(), signers=signers)) == {
        "request": b64encode(b"request").decode(),
        "additional_context": [["ccm", "web01.corp.example"]],
        "signers": [{"sha256": "ab" * 32, "authority": "Partner CA"}],
        "requester": {},
    }


def test_who_vouched_for_the_client_certificate_is_kept() -> None:
    application = an_application(a_certificate_requester())
    shown = vouched_for_before(a_certificate(), "Partner CA")

    assert told(replace(application, shown=shown))["requester"]["client_certificate_authority"] == "Partner CA"
    assert "client_certificate_authority" not in told(application)["requester"]


def test_of_a_requester_is_kept_what_the_line_does_not_say() -> None:
    requester = replace(a_certificate_requester(), partner="Partner A", directory_account=an_account())

    facts = told(an_application(requester))["requester"]

    assert facts == {
        "partner": "Partner A",
        "client_certificate": b64encode(b"client").decode(),
        "directory_account": {
            "realm": "CORP.EXAMPLE",
            "sid": "S-1-5-21-1-2-3-1104",
            "sam_account_name": "alice",
            "user_principal_name": "alice@corp.example",
            "distinguished_name": "CN=alice,CN=Users,DC=corp,DC=example",
            "common_name": None,
            "display_name": None,
            "mail": None,
            "dns_host_name": None,
            "groups": ["domain users"],
            "group_sids": ["S-1-5-21-1-2-3-513"],
        },
    }


def test_neither_passwords_nor_tickets_are_kept() -> None:
    for requester in (a_password_requester(), a_kerberos_requester()):
        assert CANARY not in str(told(an_application(requester)))


def test_a_long_request_is_kept_only_if_it_was_approved() -> None:
    application = an_application()
    long = replace(application, request=replace(application.request, der=bytes(16 * 1024 + 1)))

    assert told(long) == {"omitted": "a refused request of more than 16384 bytes"}
    assert "request" in told(long, is_approved=True)


def test_the_context_counts_as_the_request_does() -> None:
    application = an_application()
    (item,) = application.additional_context
    nearly = replace(application, request=replace(application.request, der=bytes(16 * 1024 - 21)))

    assert len(item.name) + len(item.value) == 21
    assert "request" in told(nearly)
    assert "omitted" in told(replace(nearly, additional_context=(replace(item, value=item.value + "x"),)))


def test_an_account_in_too_many_groups_is_not_kept() -> None:
    many = an_account(groups=frozenset(map(str, range(1001))))
    application = an_application(replace(a_kerberos_requester(), directory_account=many))
    enough = replace(many, groups=frozenset(map(str, range(1000))))

    assert told(application, is_approved=True) == {"omitted": "an account in more than 1000 groups"}
    assert "request" in told(an_application(replace(a_kerberos_requester(), directory_account=enough)))
