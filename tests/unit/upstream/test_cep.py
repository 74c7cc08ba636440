from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway.enrollment_policy import CertificateEnrollmentPolicyService
from gateway.errors import UpstreamMisbehaved
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.xcep import GetPolicies, RequestFilter
from gateway.upstream.cep import CepClient
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient
from tests.certificates import an_authority
from tests.fakes.internal import Act, FakeInternal, replies
from tests.fakes.messages import (
    ACTION_GET_POLICIES_RESPONSE,
    ENROLLMENT_POLICY,
    a_fault,
    an_answer,
    policies_of_nothing,
)

ALICE = UsernameToken("CORP\\alice", Secret("password"))
NOW = datetime(2026, 11, 23, tzinfo=UTC)
EVERYTHING = GetPolicies(None, "de-DE", RequestFilter(None, 6, 5))


@pytest.fixture
def script() -> tuple[Act, ...]:
    return (replies(policies_of_nothing()),)


@pytest.fixture
async def fake(tmp_path: Path, script: tuple[Act, ...]) -> AsyncIterator[FakeInternal]:
    async with FakeInternal(an_authority(tmp_path), *script) as fake:
        yield fake


@pytest.fixture
async def cep(fake: FakeInternal) -> AsyncIterator[CepClient]:
    settings = UpstreamSettings(url=fake.url, trust=fake.trust, server_address=fake.address)
    async with SoapClient(settings, lambda: NOW) as client:
        yield CepClient(client, lambda: NOW)


async def test_what_the_inside_offers_is_returned(cep: CertificateEnrollmentPolicyService) -> None:
    response = await cep.fetch_policies(EVERYTHING, ALICE)

    assert (response.policy_id, response.policies) == ("{083C7011-1D0A-4855-885D-AC945184658C}", None)


async def test_the_inside_is_asked_what_the_client_asked(
    cep: CertificateEnrollmentPolicyService, fake: FakeInternal
) -> None:
    await cep.fetch_policies(EVERYTHING, ALICE)

    message = etree.fromstring(fake.received[0].body)
    texts = {etree.QName(element).localname: element.text for element in message.iter("{*}*")}
    assert texts["Action"] == f"{ENROLLMENT_POLICY}/IPolicy/GetPolicies"
    assert texts["preferredLanguage"] == "de-DE"
    assert (texts["clientVersion"], texts["serverVersion"]) == ("6", "5")
    assert texts["Username"] == "CORP\\alice"


@pytest.mark.parametrize("script", [(replies(an_answer(ACTION_GET_POLICIES_RESPONSE, "<x/>")),)])
async def test_an_answer_with_another_body_is_misbehaviour(cep: CertificateEnrollmentPolicyService) -> None:
    with pytest.raises(UpstreamMisbehaved, match="cannot be read"):
        await cep.fetch_policies(EVERYTHING, ALICE)


# --- health probes --------------------------------------------------------------------------------------------------


async def test_a_probe_asks_for_what_has_changed_since_now(cep: CepClient, fake: FakeInternal) -> None:
    await cep.probe(ALICE)

    assert b"<lastUpdate>2026-11-23T00:00:00Z</lastUpdate>" in fake.received[0].body


@pytest.mark.parametrize("script", [(replies(a_fault("s:Sender", "wsse:InvalidSecurity"), status=500),)])
async def test_a_probe_without_identity_shows_no_credential(cep: CepClient, fake: FakeInternal) -> None:
    await cep.knock()

    assert b"Security>" not in fake.received[0].body
    assert b"GetPolicies" in fake.received[0].body
