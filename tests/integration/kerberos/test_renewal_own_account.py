"""Machines in no domain renew by their key alone; the gateway brings it inside under its own account.

As docs/renewal.md sets it up: the internal CES was set up for Kerberos with -RenewalOnly and -AllowKeyBasedRenewal, and
nobody may be impersonated. What else may be wrong with a renewal: tests/integration/test_renewal_only.py.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway.cli.lab_configuration import authorities
from gateway.lab.server import CA_1, ServiceKind
from tests.cmc import Holder, a_cmc_request, a_renewal, signed_by, signed_by_key
from tests.devices import (
    CEP_KEY_BASED_RENEWAL,
    NAME,
    OTHER_NAME,
    a_request,
    enrolled,
    names_in,
    post,
    revoke,
    shown,
)
from tests.domain_stand import DomainStand, Setting, a_domain_stand
from tests.requests import SECURITY_IDENTIFIER, a_certification_request, a_key
from tests.stand import service

OWN_ACCOUNT = "svc-gateway"


@pytest.fixture
async def stand(setting: Setting, tmp_path: Path) -> AsyncIterator[DomainStand]:
    def renewals_only(content: dict[str, Any]) -> None:
        content["listeners"][1]["client_trust"] = setting.world.internal_ca.name
        content["certification_authorities"] = authorities(setting.world)
        content["services"] = [
            service(content, "cep-certificate") | {"key_based_renewal": True, "transition": "own_account"},
            service(content, "ca1-certificate") | {"renewal_only": True, "transition": "own_account"},
        ]
        del content["mapping"]
        del content["realms"][0]["impersonation"]

    inside = [(ServiceKind.KERBEROS, CA_1)]
    async with a_domain_stand(setting, tmp_path, renewals_only, renewal_only=inside) as running:
        yield running


def who_arrived(stand: DomainStand) -> list[str]:
    """At the internal services, by the SID in the ticket."""
    return [
        received.arrival.account.name
        for received in stand.lab.received
        if received.arrival and received.arrival.account
    ]


# --- the good ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
async def test_a_machine_in_no_domain_gets_its_own_names_by_the_gateway_s_ticket(
    stand: DomainStand, tmp_path: Path, *, cmc: bool
) -> None:
    old = enrolled(stand)

    answer = await post(stand, old, a_renewal(old, cmc=cmc, request=a_request(old)), tmp_path)

    assert answer.status == 200, await stand.refusal_of(answer)
    assert names_in(answer.certificate) == (f"CN={NAME}", [NAME])
    leaf = x509.load_der_x509_certificate(answer.certificate)
    assert leaf.public_key() == a_key().public_key()
    assert x509.ObjectIdentifier(SECURITY_IDENTIFIER) not in {extension.oid for extension in leaf.extensions}
    assert who_arrived(stand) == [OWN_ACCOUNT]
    assert stand.lab.issued[-1].requester.sid == stand.identity_of(OWN_ACCOUNT).sid
    (answered,) = stand.audit("answered")
    assert (answered["account"], answered["transition"]) == (f"CN={NAME}", "own_account")
    assert answered["ticket"]["account"] == f"{OWN_ACCOUNT}@{stand.setting.domain.dns_domain}"
    assert "directory_account" not in answered
    stand.assert_audit_is_intact()


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
async def test_a_machine_that_keeps_its_key_renews_too(stand: DomainStand, tmp_path: Path, *, cmc: bool) -> None:
    old = enrolled(stand)
    request = a_request(old, key=old.key)
    by_new_key_and_old = (signed_by_key(old.key), signed_by(old))
    renewal = a_cmc_request(request, signers=by_new_key_and_old) if cmc else a_renewal(old, request=request)

    answer = await post(stand, old, renewal, tmp_path)

    assert answer.status == 200, await stand.refusal_of(answer)
    assert names_in(answer.certificate) == (f"CN={NAME}", [NAME])
    leaf = x509.load_der_x509_certificate(answer.certificate)
    assert leaf.public_key() == old.public.public_key()
    assert leaf.serial_number != old.public.serial_number


async def test_a_machine_renews_what_it_has_renewed(stand: DomainStand, tmp_path: Path) -> None:
    first = enrolled(stand)
    answer = await post(stand, first, a_renewal(first, request=a_request(first)), tmp_path)
    second = Holder(answer.certificate, a_key())

    answer = await post(stand, second, a_renewal(second, cmc=True, request=a_request(second)), tmp_path)

    assert answer.status == 200, await stand.refusal_of(answer)


async def test_machines_share_the_gateway_s_ticket_and_no_names(stand: DomainStand, tmp_path: Path) -> None:
    for name in (NAME, OTHER_NAME):
        old = enrolled(stand, name, key=f"of {name}")

        answer = await post(stand, old, a_renewal(old, request=a_request(old, name)), tmp_path)

        assert answer.status == 200, await stand.refusal_of(answer)
        assert names_in(answer.certificate) == (f"CN={name}", [name])

    assert [line["ticket"]["cached"] for line in stand.audit("answered")] == [False, True]


async def test_the_policy_service_tells_a_machine_by_the_same_account(stand: DomainStand, tmp_path: Path) -> None:
    client = shown(stand, enrolled(stand), tmp_path)

    answer = await stand.post(stand.get_policies(security=""), CEP_KEY_BASED_RENEWAL, client=client)

    assert answer.status == 200, await stand.refusal_of(answer)
    (published,) = stand.audit("published")
    assert (published["account"], published["templates"]) == (f"CN={NAME}", ["PartnerDevice"])
    assert who_arrived(stand) == [OWN_ACCOUNT]


# --- the wrong ones -------------------------------------------------------------------------------------------------


async def refused(stand: DomainStand, holder: Holder, request: bytes, directory: Path) -> tuple[str, int | None]:
    """Reason and HRESULT; nothing has reached the inside."""
    answer = await post(stand, holder, request, directory)
    assert stand.lab.received == []
    line = await stand.refusal_of(answer)
    return line["reason"], answer.fault.hresult


async def test_another_machine_s_certificate_is_not_renewed(stand: DomainStand, tmp_path: Path) -> None:
    """Whose key somebody has stolen, who has a certificate of his own."""
    other = enrolled(stand, OTHER_NAME, key="of the other device")
    request = a_renewal(other, request=a_request(other, OTHER_NAME))

    assert await refused(stand, enrolled(stand), request, tmp_path) == ("renewal_certificate_not_shown", 0x80094806)


async def test_nothing_new_is_enrolled_under_the_gateway_s_account(stand: DomainStand, tmp_path: Path) -> None:
    new = a_certification_request(f"CN={NAME}", dns=[NAME], template="PartnerDevice")

    assert await refused(stand, enrolled(stand), new, tmp_path) == ("not_a_renewal", 0x8009400E)


async def test_a_renewal_has_no_other_alternative_name(stand: DomainStand, tmp_path: Path) -> None:
    old = enrolled(stand)
    request = a_renewal(old, request=a_request(old, dns=OTHER_NAME))

    assert await refused(stand, old, request, tmp_path) == ("not_permitted", 0x80094806)


async def test_a_revoked_certificate_is_not_renewed(stand: DomainStand, tmp_path: Path) -> None:
    old = enrolled(stand)
    await revoke(stand, old)

    request = a_renewal(old, request=a_request(old))

    assert await refused(stand, old, request, tmp_path) == ("signer_revoked", 0x800B010C)


async def test_a_person_of_the_domain_is_no_machine(stand: DomainStand, tmp_path: Path) -> None:
    """With a certificate of the same CA, which opens the connection."""
    person = enrolled(stand, "alice", template="PartnerUser")
    request = a_renewal(person, request=a_request(person))

    assert await refused(stand, person, request, tmp_path) == ("not_permitted", 0x80094012)
