from dataclasses import replace

import pytest
from lxml import etree
from pydantic import ValidationError
from structlog.testing import capture_logs

from gateway.authn.partners import PartnerOf, PartnerSettings, with_partner
from gateway.call import Call
from gateway.errors import WrongPassword
from gateway.protocol.soap import Envelope
from gateway.requester import Requester
from tests.builders import a_requester
from tests.unit.audit.samples import a_call

ENVELOPE = Envelope("action", None, None, None, None, etree.Element("body"))
A = PartnerSettings(name="partner-a", accounts=("Partner-A", "@Partner-A.example"))
B = PartnerSettings(name="partner-b", mapping_rules=("partner-b-by-upn",), accounts=("shared",))
C = PartnerSettings(name="partner-c", accounts=("shared",))


def by_password(account: str) -> Requester:
    return a_requester(account, "UsernamePassword")


@pytest.mark.parametrize(
    ("account", "partner"),
    [
        ("partner-a", "partner-a"),
        ("PARTNER-A", "partner-a"),
        ("alice@partner-a.example", "partner-a"),
        ("Alice@PARTNER-A.example", "partner-a"),
        ("@partner-a.example", None),
        ("alice@evil.partner-a.example", None),
        ("alice@partner-a.example@evil.example", None),
        ("partner-a.example", None),
        ("partner-b", None),
        ("partner-b-by-upn", None),
    ],
)
def test_an_account_belongs_to_a_partner_by_its_name_or_by_its_domain(account: str, partner: str | None) -> None:
    assert with_partner(by_password(account), (A, B)).partner == partner


def test_an_account_belongs_to_a_partner_by_the_rule_that_mapped_its_certificate() -> None:
    mapped = replace(a_requester("somebody"), mapping_rule="partner-b-by-upn")

    assert with_partner(mapped, (A, B)).partner == "partner-b"
    assert with_partner(replace(mapped, mapping_rule="another"), (A, B)).partner is None


def test_an_account_of_several_partners_counts_for_none_and_is_logged() -> None:
    with capture_logs() as logs:
        requester = with_partner(by_password("shared"), (A, B, C))

    assert requester.partner is None
    assert [(line["account"], line["partners"]) for line in logs] == [("shared", ["partner-b", "partner-c"])]


def test_nothing_else_of_a_requester_changes() -> None:
    requester = by_password("partner-a")

    assert replace(with_partner(requester, (A,)), partner=None) == requester


async def test_every_authenticator_can_tell_the_partner() -> None:
    async def authenticate(_call: Call, _envelope: Envelope) -> Requester:
        return by_password("partner-a")

    assert (await PartnerOf(authenticate, (A,))(a_call(), ENVELOPE)).partner == "partner-a"


async def test_who_is_not_authenticated_has_no_partner() -> None:
    async def refuse(_call: Call, _envelope: Envelope) -> Requester:
        raise WrongPassword("wrong")

    with pytest.raises(WrongPassword):
        await PartnerOf(refuse, (A,))(a_call(), ENVELOPE)


@pytest.mark.parametrize(
    ("accounts", "message"),
    [((), "needs accounts or mapping_rules"), (("",), "is empty"), (("@",), "is empty"), ((" a",), "blank")],
)
def test_a_partner_of_nobody_is_a_mistake(accounts: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PartnerSettings(name="partner-a", accounts=accounts)
