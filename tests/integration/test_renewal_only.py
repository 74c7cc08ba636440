"""Devices outside of any domain renew by their key alone, through a service that does nothing else, on both sides.

The lab's CES is one that was set up with -RenewalOnly and -AllowKeyBasedRenewal; the gateway goes there with its own
certificate. Each renewal that is wrong is wrong in one thing, and refused for that.
"""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway.cli.lab_configuration import authorities
from gateway.lab.server import CA_1, CA_2, ServiceKind
from gateway.lab.templates import PARTNER_DEVICE
from gateway.lab.world import World, create_world
from tests.cmc import Holder, a_ca, a_certificate, a_cms_request, a_renewal, signed_by
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
    the_ca,
)
from tests.requests import a_certification_request, a_key, a_template_oid_extension
from tests.stand import CES_CERTIFICATE, Stand, a_stand, service


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Its own: the CAs of the lab that runs are in files there, and the gateway reads them."""
    return create_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
async def stand(world: World, tmp_path: Path) -> AsyncIterator[Stand]:
    def renewals_only(content: dict[str, Any]) -> None:
        content["listeners"][1]["client_trust"] = world.internal_ca.name
        content["certification_authorities"] = authorities(world)
        service(content, "cep-certificate")["key_based_renewal"] = True
        service(content, "ca1-certificate")["renewal_only"] = True

    inside = [(ServiceKind.CERTIFICATE, CA_1)]
    async with a_stand(world, tmp_path, renewals_only, renewal_only=inside) as running:
        yield running


def by_hand(ca: Holder, *, serial: int, valid: tuple[int, int] = (-90, 10)) -> Holder:
    """A device's certificate as that CA would make it; `valid` in days from now."""
    days = (timedelta(days=valid[0]), timedelta(days=valid[1]))
    template = a_template_oid_extension(PARTNER_DEVICE.oid.dotted_string, 100, 4)
    now = datetime.now(UTC).replace(microsecond=0)
    return a_certificate(ca, f"CN={NAME}", serial=serial, valid=days, now=now, extensions=[template])


# --- the good ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cmc", [False, True], ids=["CMS", "CMC"])
async def test_a_device_renews_by_its_key_and_stands_for_itself(stand: Stand, tmp_path: Path, *, cmc: bool) -> None:
    old = enrolled(stand)

    answer = await post(stand, old, a_renewal(old, cmc=cmc, request=a_request(old)), tmp_path)

    assert answer.status == 200, await stand.refusal_of(answer)
    assert names_in(answer.certificate) == (f"CN={NAME}", [NAME])
    assert x509.load_der_x509_certificate(answer.certificate).public_key() == a_key().public_key()
    assert stand.lab.issued[-1].requester.name == "svc-gateway"
    (approved,) = stand.audit("approved")
    assert (approved["account"], approved["rule"]) == (f"CN={NAME}", "devices")
    assert approved["client_certificate"]["serial_number"] == f"{old.public.serial_number:x}"
    assert "mapping_rule" not in approved
    stand.assert_audit_is_intact()


async def test_a_device_renews_what_it_has_renewed(stand: Stand, tmp_path: Path) -> None:
    first = enrolled(stand)
    answer = await post(stand, first, a_renewal(first, request=a_request(first)), tmp_path)
    second = Holder(answer.certificate, a_key())

    answer = await post(stand, second, a_renewal(second, cmc=True, request=a_request(second)), tmp_path)

    assert answer.status == 200, await stand.refusal_of(answer)


async def test_the_policy_service_for_key_based_renewal_tells_a_device_of_its_template(
    stand: Stand, tmp_path: Path
) -> None:
    client = shown(stand, enrolled(stand), tmp_path)

    answer = await stand.post(stand.get_policies(security=""), CEP_KEY_BASED_RENEWAL, client=client)

    assert answer.status == 200
    (published,) = stand.audit("published")
    assert (published["account"], published["templates"]) == (f"CN={NAME}", ["PartnerDevice"])


# --- the wrong ones -------------------------------------------------------------------------------------------------


async def refused(stand: Stand, holder: Holder, request: bytes, directory: Path) -> tuple[str, int | None, str]:
    """Reason, HRESULT and detail; nothing has reached the inside."""
    answer = await post(stand, holder, request, directory)
    assert stand.lab.received == []
    line = await stand.refusal_of(answer)
    return line["reason"], answer.fault.hresult, line["detail"]


async def test_another_owner_s_certificate_is_not_renewed(stand: Stand, tmp_path: Path) -> None:
    """Whose key somebody has stolen, who has a certificate of his own."""
    other = enrolled(stand, OTHER_NAME, key="of the other device")
    request = a_renewal(other, request=a_request(other, OTHER_NAME))

    reason, hresult, detail = await refused(stand, enrolled(stand), request, tmp_path)

    assert (reason, hresult) == ("renewal_certificate_not_shown", 0x80094806)
    assert f"CN={OTHER_NAME}" in detail


async def test_an_expired_certificate_is_not_renewed(stand: Stand, tmp_path: Path) -> None:
    expired = by_hand(the_ca(stand), serial=0x4712, valid=(-90, -1))

    reason, hresult, _ = await refused(stand, enrolled(stand), a_renewal(expired, request=a_request(expired)), tmp_path)

    assert (reason, hresult) == ("signer_expired", 0x800B0101)


async def test_who_shows_an_expired_certificate_gets_no_connection(stand: Stand, tmp_path: Path) -> None:
    expired = by_hand(the_ca(stand), serial=0x4712, valid=(-90, -1))

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await post(stand, expired, a_renewal(expired, request=a_request(expired)), tmp_path)

    assert (await stand.next_audit("handshake_failed"))["reason"] == "client_certificate_expired"


async def test_a_revoked_certificate_is_not_renewed(stand: Stand, tmp_path: Path) -> None:
    old = enrolled(stand)
    await revoke(stand, old)

    reason, hresult, _ = await refused(stand, old, a_renewal(old, request=a_request(old)), tmp_path)

    assert (reason, hresult) == ("signer_revoked", 0x800B010C)


async def test_a_certificate_of_another_ca_with_the_same_serial_number_is_not_renewed(
    stand: Stand, tmp_path: Path
) -> None:
    """Of a stranger with the CA's own name: issuer and serial number are those of the certificate that is shown."""
    old = enrolled(stand)
    stranger = a_ca(the_ca(stand).public.subject.rfc4514_string(), now=datetime.now(UTC).replace(microsecond=0))
    twin = by_hand(stranger, serial=old.public.serial_number)
    assert twin.identifier == old.identifier

    reason, hresult, _ = await refused(stand, old, a_renewal(twin, request=a_request(twin)), tmp_path)

    assert (reason, hresult) == ("signer_untrusted", 0x800B0109)


async def test_a_certificate_of_another_known_ca_with_the_same_serial_number_is_not_renewed(
    stand: Stand, tmp_path: Path
) -> None:
    old = enrolled(stand)
    twin = by_hand(the_ca(stand, CA_2), serial=old.public.serial_number)

    reason, hresult, detail = await refused(stand, old, a_renewal(twin, request=a_request(twin)), tmp_path)

    assert (reason, hresult) == ("renewal_certificate_not_shown", 0x80094806)
    assert f"of CN={CA_2}" in detail


async def test_a_renewal_has_no_other_name(stand: Stand, tmp_path: Path) -> None:
    old = enrolled(stand)

    reason, hresult, detail = await refused(
        stand, old, a_renewal(old, request=a_request(old, dns=OTHER_NAME)), tmp_path
    )

    assert (reason, hresult) == ("not_permitted", 0x80094806)
    assert f"renewal: subjectAlternativeName dNSName is '{OTHER_NAME}'" in detail


async def test_a_certificate_of_another_template_is_not_renewed(stand: Stand, tmp_path: Path) -> None:
    person = enrolled(stand, template="PartnerUser")

    reason, hresult, detail = await refused(stand, person, a_renewal(person, request=a_request(person)), tmp_path)

    assert (reason, hresult) == ("not_permitted", 0x80094806)
    assert "renewal: renewalCertificate template is" in detail


async def test_what_is_signed_without_the_attribute_is_no_renewal(stand: Stand, tmp_path: Path) -> None:
    old = enrolled(stand)
    new = a_certification_request(f"CN={NAME}", dns=[NAME], template="PartnerDevice")

    reason, hresult, _ = await refused(stand, old, a_cms_request(new, (signed_by(old),)), tmp_path)

    assert (reason, hresult) == ("not_a_renewal", 0x8009400E)


async def test_one_s_other_certificate_is_not_renewed(stand: Stand, tmp_path: Path) -> None:
    """Names, template and CA are the same: only the certificate that was shown counts."""
    one, other = enrolled(stand), enrolled(stand, key="of the device, too")

    reason, hresult, _ = await refused(stand, one, a_renewal(other, request=a_request(other)), tmp_path)

    assert (reason, hresult) == ("renewal_certificate_not_shown", 0x80094806)


# --- what is not for this service -----------------------------------------------------------------------------------


async def test_a_new_request_is_refused_with_its_reason(stand: Stand, tmp_path: Path) -> None:
    new = a_certification_request(f"CN={NAME}", dns=[NAME], template="PartnerDevice")

    reason, hresult, detail = await refused(stand, enrolled(stand), new, tmp_path)

    assert (reason, hresult) == ("not_a_renewal", 0x8009400E)
    assert "need a service without renewal_only" in detail


async def test_a_certificate_that_tls_trusts_and_no_authority_has_issued_is_nobody(
    stand: Stand, tmp_path: Path
) -> None:
    """Of the internal root itself, which is no issuing CA."""
    new = stand.issue(a_certification_request(f"CN={NAME}", template="PartnerDevice"), security="")

    answer = await stand.post(new, CES_CERTIFICATE, client=stand.world.gateway_client)

    assert (await stand.refusal_of(answer))["reason"] == "signer_untrusted"
    assert stand.lab.received == []
