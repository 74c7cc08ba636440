"""What CEP services advertise in a domain works: at every address, by the authentication that is told with it.

Beside the three ways of the lab, CA 1 has a renewal-only service, at a host name of its own. People of the domain set
devices up, which are in no domain and renew there.
"""

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli.lab_configuration import authorities, example_policies
from gateway.lab.world import GATEWAY_HOST
from tests.advertised import CERTIFICATE, KERBEROS, USERNAME_PASSWORD, Advertised, advertised
from tests.cmc import Holder, a_renewal
from tests.devices import CEP_KEY_BASED_RENEWAL, NAME, enrolled, names_in, post, shown
from tests.devices import a_request as a_request_to_renew
from tests.domain_stand import (
    ACTION_RST,
    WAYS,
    DomainStand,
    Setting,
    a_domain_stand,
    a_request,
    identity_in,
)
from tests.requests import a_key, a_new_request
from tests.stand import Answer, service

RENEWAL_HOST = "localhost"
"""The lab's gateway has a certificate for that name too."""
WAY_OF = {KERBEROS: "kerberos", USERNAME_PASSWORD: "password", CERTIFICATE: "certificate"}
KEY = a_key(name="of the device")
TEMPLATES = ("CorpUser", "PartnerDevice")


@pytest.fixture
async def stand(setting: Setting, tmp_path: Path) -> AsyncIterator[DomainStand]:
    def with_renewals(content: dict[str, Any]) -> None:
        listener = content["listeners"][1]
        here = {key: listener[key] for key in ("certificate", "key", "client_certificates")}
        listener["server_names"] = {RENEWAL_HOST: here | {"client_trust": setting.world.internal_ca.name}}
        content["certification_authorities"] = authorities(setting.world)
        there = {"public_url": f"https://{RENEWAL_HOST}:{listener['port']}", "transition": "own_account"}
        policy, enrollment = (deepcopy(service(content, name)) for name in ("cep-certificate", "ca1-certificate"))
        content["services"] += [
            policy | there | {"name": "cep-renewal", "key_based_renewal": True},
            enrollment | there | {"name": "ca1-renewal", "renewal_only": True},
        ]
        content["policies"] = str(policies(tmp_path / "policies"))

    async with a_domain_stand(setting, tmp_path, with_renewals) as running:
        yield running


def policies(directory: Path) -> Path:
    """Those of the lab for people and devices, where people may set devices up."""
    directory.mkdir()
    person, device = (yaml.safe_load((example_policies() / f"{name}.yaml").read_text()) for name in TEMPLATES)
    setting_up = deepcopy(device["rules"][0]) | {"name": "setting-up", "requesters": person["rules"][0]["requesters"]}
    del setting_up["renewal"]
    device["rules"].append(setting_up)
    for policy in (person, device):
        (directory / f"{policy['template']['name']}.yaml").write_text(yaml.safe_dump(policy))
    return directory


async def enroll(stand: DomainStand, at: Advertised, template: str, request: bytes) -> Answer:
    """As alice's client, which goes by nothing but what it was told."""
    assert at.host == GATEWAY_HOST
    body = stand.issue_body(request, template=template)
    return await stand.call("alice", WAY_OF[at.authentication], ACTION_RST, body, at.path, port=at.port)


async def renew(stand: DomainStand, at: Advertised, old: Holder, directory: Path) -> Answer:
    """As the device, whose certificate is all it has."""
    assert at.authentication == CERTIFICATE
    assert at.host is not None
    request = a_renewal(old, request=a_request_to_renew(old))
    return await post(stand, old, request, directory, path=at.path, server_name=at.host, port=at.port)


@pytest.mark.parametrize("way", WAYS)
async def test_every_address_that_a_person_is_told_enrolls_or_renews_by_the_authentication_told(
    stand: DomainStand, tmp_path: Path, way: str
) -> None:
    told = advertised(await stand.fetch_policies("alice", way))

    assert {(each.authentication, each.renewal_only) for each in told} == {
        (KERBEROS, False),
        (USERNAME_PASSWORD, False),
        (CERTIFICATE, False),
        (CERTIFICATE, True),
    }
    assert WAY_OF[told[0].authentication] == way
    devices = []
    for at in (each for each in told if not each.renewal_only):
        hers = await enroll(stand, at, "CorpUser", a_request())
        assert hers.status == 200, (at, await stand.refusal_of(hers))
        assert identity_in(hers.certificate) == stand.identity_of("alice")
        first = await enroll(stand, at, "PartnerDevice", a_new_request(NAME, template="PartnerDevice", key=KEY))
        assert first.status == 200, (at, await stand.refusal_of(first))
        devices.append(Holder(first.certificate, KEY))
    for at in (each for each in told if each.renewal_only):
        for device in devices:
            renewed = await renew(stand, at, device, tmp_path)
            assert renewed.status == 200, (at, await stand.refusal_of(renewed))
            assert names_in(renewed.certificate) == (f"CN={NAME}", [NAME])


async def test_every_address_that_a_device_in_no_domain_is_told_renews(stand: DomainStand, tmp_path: Path) -> None:
    device = enrolled(stand)
    client = shown(stand, device, tmp_path)
    message = stand.get_policies(security="")

    told = advertised(await stand.post(message, CEP_KEY_BASED_RENEWAL, client=client, server_name=RENEWAL_HOST))

    assert [(each.authentication, each.renewal_only) for each in told] == [(CERTIFICATE, True)]
    for at in told:
        renewed = await renew(stand, at, device, tmp_path)
        assert renewed.status == 200, (at, await stand.refusal_of(renewed))
        assert names_in(renewed.certificate) == (f"CN={NAME}", [NAME])
