"""Two forests that do not trust each other behind one gateway, with the same names in both."""

import asyncio
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gateway.lab.clients import issue_clients
from gateway.lab.domain import Domain
from gateway.lab.negotiate import KerberosArrivals
from gateway.lab.server import CA_2, Lab, ServiceKind
from tests.domain_stand import CES_CERTIFICATE, DomainStand, Setting, a_domain_stand, a_request, identity_in
from tests.stand import service

CES_OF_WOODGROVE = f"/{CA_2}_CES_Certificate/service.svc/CES"


@pytest.fixture
async def stand(setting: Setting, other_domain: Domain, tmp_path: Path) -> AsyncIterator[DomainStand]:
    """Each forest with its CA, realm, keytab, KDC and directory; of the other one, CA 2 is published."""
    world = setting.world
    async with Lab(world, KerberosArrivals(other_domain, world)) as woodgrove:

        def change(content: dict[str, Any]) -> None:
            realm = deepcopy(content["realms"][0])
            content["realms"].append(
                realm
                | {
                    "name": other_domain.realm,
                    "kerberos": {
                        "account": "svc-gateway",
                        "keytab": str(other_domain.keytab("svc-gateway")),
                        "kdcs": [other_domain.address],
                    },
                    "directory": {"servers": [other_domain.address]},
                }
            )
            ours = deepcopy(service(content, "ca1-certificate"))
            upstream = {
                **ours["upstream"],
                "url": woodgrove.ces_uri(ServiceKind.KERBEROS, CA_2),
                "server_address": f"127.0.0.1:{woodgrove.port(ServiceKind.KERBEROS)}",
                "service_principal_name": f"HTTP/ces.{other_domain.dns_domain}",
            }
            content["services"].append(
                {**ours, "name": "woodgrove", "ca": CA_2, "realm": other_domain.realm, "upstream": upstream}
            )
            content["mapping"][0]["accounts_within"].append(f"@{other_domain.dns_domain}")
            _admit(other_domain, world.directory / "policies" / "CorpUser.yaml")

        async with a_domain_stand(setting, tmp_path, change) as stand:
            yield stand


def _admit(domain: Domain, policy: Path) -> None:
    """Its people too may have what the policy is about."""
    text = policy.read_text()
    if domain.dns_domain not in text:
        entry = '- {account: {suffix: "@corp.fabrikam.example"}'
        theirs = entry.replace("corp.fabrikam.example", domain.dns_domain) + ", authentication: [Certificate]}"
        policy.write_text(text.replace(entry, f"{theirs}\n      {entry}"))


async def test_the_same_name_is_another_account_in_each_forest(
    stand: DomainStand, setting: Setting, other_domain: Domain
) -> None:
    others = issue_clients(setting.world, other_domain)
    body = stand.issue(a_request(), template="CorpUser", security="")

    here, there = await asyncio.gather(
        stand.post(body, CES_CERTIFICATE, client=setting.clients["alice"]),
        stand.post(body, CES_OF_WOODGROVE, client=others["alice"]),
    )

    assert here.status == there.status == 200, (here.body, there.body)
    assert identity_in(here.certificate) == stand.identity_of("alice")
    (sid,) = other_domain.ldb().attributes("alice", "objectSid")["objectSid"]
    found = identity_in(there.certificate)
    assert (found.names, found.sid) == (("alice@woodgrove.example",), sid)
    assert found.sid != stand.identity_of("alice").sid


async def test_an_account_of_one_forest_is_nobody_in_the_other(
    stand: DomainStand, setting: Setting, other_domain: Domain
) -> None:
    others = issue_clients(setting.world, other_domain)
    body = stand.issue(a_request(), template="CorpUser", security="")

    answers = [
        await stand.post(body, CES_OF_WOODGROVE, client=setting.clients["alice"]),
        await stand.post(body, CES_CERTIFICATE, client=others["alice"]),
    ]

    assert [(await stand.refusal_of(answer))["reason"] for answer in answers] == ["unknown_user", "unknown_user"]


async def test_many_at_once_stay_in_their_forests(stand: DomainStand, setting: Setting, other_domain: Domain) -> None:
    others = issue_clients(setting.world, other_domain)
    body = stand.issue(a_request(), template="CorpUser", security="")
    names = [f"u{n:02}" for n in range(1, 21)]

    answers = await asyncio.gather(
        *(
            stand.post(body, path, client=clients[name])
            for name in names
            for path, clients in ((CES_CERTIFICATE, setting.clients), (CES_OF_WOODGROVE, others))
        )
    )

    for name, (here, there) in zip(names, zip(answers[::2], answers[1::2], strict=True), strict=True):
        assert identity_in(here.certificate) == stand.identity_of(name)
        (sid,) = other_domain.ldb().attributes(name, "objectSid")["objectSid"]
        assert identity_in(there.certificate).sid == sid
    assert {line["directory_account"]["realm"] for line in stand.audit("answered")} == {
        setting.domain.realm,
        other_domain.realm,
    }


async def test_one_forest_goes_on_while_the_other_s_kdc_is_gone(
    setting: Setting, other_domain: Domain, stand: DomainStand
) -> None:
    assert stand.app.realms is not None
    await stand.app.realms.named(other_domain.realm).relay.stop()
    others = issue_clients(setting.world, other_domain)
    body = stand.issue(a_request(), template="CorpUser", security="")

    there = await stand.post(body, CES_OF_WOODGROVE, client=others["alice"])
    here = await stand.post(body, CES_CERTIFICATE, client=setting.clients["alice"])

    assert (there.status, here.status) == (500, 200)
    assert (await stand.refusal_of(there))["reason"] in {"kdc_unreachable", "kdc_silent", "directory_unavailable"}
