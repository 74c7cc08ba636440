"""What does not go together where Kerberos is used, each with its place and what to do."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from gateway.authn.negotiate import ChannelBindings
from gateway.config import Authentication, CESSettings
from gateway.protocol.xcep import ClientAuthentication
from gateway.strict_yaml import Mistaken
from tests.unit.config.samples import HOST, REALM, a_configuration_with_a_realm, load
from tests.unit.web.unbindable import an_ed25519_certificate

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    return a_configuration_with_a_realm(tmp_path)


def test_every_way_in_and_inside_that_a_realm_adds_is_taken(tmp_path: Path, content: dict[str, Any]) -> None:
    checked = load(tmp_path, content)

    (realm,) = checked.configuration.realms
    assert checked.warnings == ()
    assert realm.kerberos.keytab == tmp_path / "gateway.keytab"
    without, *_ = checked.configuration.services
    *_, renewal = checked.configuration.services
    assert checked.configuration.realm_of(without) is None
    assert checked.configuration.realm_of(renewal) is realm


def test_a_kerberos_service_has_microsoft_s_path_and_number(tmp_path: Path, content: dict[str, Any]) -> None:
    (service,) = (s for s in load(tmp_path, content).configuration.services if s.name == "by-ticket")

    assert isinstance(service, CESSettings)
    assert service.path == "/by-ticket_CES_Kerberos/service.svc/CES"
    assert service.authentication is Authentication.KERBEROS
    assert service.authentication.client_authentication is ClientAuthentication.TRANSPORT_KERBEROS


def test_channel_bindings_are_required_unless_something_else_is_said(tmp_path: Path, content: dict[str, Any]) -> None:
    *_, by_ticket, _ = load(tmp_path, content).configuration.services
    assert by_ticket.channel_bindings is ChannelBindings.REQUIRED

    a_service(content, "by-ticket")["channel_bindings"] = "when_present"
    *_, by_ticket, _ = load(tmp_path, content).configuration.services
    assert by_ticket.channel_bindings is ChannelBindings.WHEN_PRESENT


@pytest.mark.parametrize(
    ("channel_bindings", "is_right"), [("required", False), ("when_present", False), ("off", True)]
)
def test_channel_bindings_need_a_certificate_that_has_some(
    tmp_path: Path, content: dict[str, Any], channel_bindings: str, is_right: bool
) -> None:
    a_service(content, "by-ticket")["channel_bindings"] = channel_bindings
    (tmp_path / content["listeners"][0]["certificate"]).write_bytes(an_ed25519_certificate(HOST))
    content["listeners"][0]["key"] = content["listeners"][0]["certificate"]

    if is_right:
        load(tmp_path, content)
    else:
        with pytest.raises(Mistaken, match=rf"services\.4\.channel_bindings: {channel_bindings} needs a certificate"):
            load(tmp_path, content)


@pytest.mark.parametrize("transition", ["own_account", "protocol_transition", "own_certificate"])
def test_kerberos_clients_may_go_inside_by_other_ways_than_their_ticket(
    tmp_path: Path, content: dict[str, Any], transition: str
) -> None:
    service = a_service(content, "by-ticket")
    service["transition"] = transition
    if transition == "own_certificate":
        service["upstream"] |= own_certificate(content)

    load(tmp_path, content)


def test_a_realm_that_impersonates_nobody_needs_not_say_whom_it_may(tmp_path: Path, content: dict[str, Any]) -> None:
    content["services"] = [s for s in content["services"] if s["name"] in {"policy", "renewal"}]
    del content["realms"][0]["impersonation"]

    load(tmp_path, content)


def a_service(content: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(service for service in content["services"] if service["name"] == name)
    return found


def own_certificate(content: dict[str, Any]) -> dict[str, Any]:
    return {key: content["services"][0]["upstream"][key] for key in ("certificate", "key")}


def change(name: str, **settings: Any) -> Change:
    return lambda content: a_service(content, name).update(settings)


def without_realm(name: str) -> Change:
    return lambda content: a_service(content, name).pop("realm")


def other_realm(name: str) -> Change:
    """Put one service into a second realm."""

    def add(content: dict[str, Any]) -> None:
        content["realms"].append(deepcopy(content["realms"][0]) | {"name": "WOODGROVE.EXAMPLE"})
        a_service(content, name)["realm"] = "WOODGROVE.EXAMPLE"

    return add


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "tickets without a realm": (
        without_realm("by-ticket"),
        "services.4.realm: is missing: name one of `realms`, for authentication Kerberos and the transition constra",
    ),
    "the KDC as verifier without a realm": (
        without_realm("by-password"),
        "services.3.realm: is missing: name one of `realms`, for verifier kerberos and the transition user_ticket",
    ),
    "S4U without a realm": (
        without_realm("by-certificate"),
        "services.2.realm: is missing: name one of `realms`, for the transition protocol_transition",
    ),
    "an account of its own without a realm": (
        without_realm("renewal"),
        "services.5.realm: is missing: name one of `realms`, for the transition own_account",
    ),
    "a realm that is not there": (
        change("renewal", realm="NOWHERE.EXAMPLE"),
        f"services.5.realm: NOWHERE.EXAMPLE is not the name of one of `realms`: {REALM}",
    ),
    "no realms at all": (
        lambda c: c.pop("realms"),
        f"services.5.realm: {REALM} is not the name of one of `realms`: th",
    ),
    "a realm for who is not verified": (
        lambda c: c["services"][1].update(verifier="internal_ces", realm=REALM),
        "services.1.realm: is not used",
    ),
    "two realms of one name": (
        lambda c: c["realms"].append(deepcopy(c["realms"][0])),
        f"realms.1.name: {REALM} is the name of another realm too",
    ),
    "nobody to impersonate": (
        lambda c: c["realms"][0].pop("impersonation"),
        "realms.0.impersonation: is missing: the gateway acts in requesters' names at by-certificate, by-password, by",
    ),
    "a host in two realms": (
        other_realm("renewal"),
        f"services.5.realm: ces.corp.example is in {REALM} for another service",
    ),
    "a user's ticket for a certificate": (
        change("by-certificate", transition="user_ticket"),
        "services.2.transition: needs authentication UsernamePassword with verifier kerberos. protocol_transition goes",
    ),
    "a user's ticket that nobody asked the KDC for": (
        change("by-password", verifier="password_file"),
        "services.3.transition: needs authentication UsernamePassword with verifier kerberos.",
    ),
    "evidence without a ticket": (
        change("by-certificate", transition="constrained_delegation"),
        "services.2.transition: needs authentication Kerberos: there is no ticket to delegate with.",
    ),
    "impersonation of a claim": (
        change("by-password", transition="protocol_transition", verifier="internal_ces"),
        "services.3.verifier: internal_ces goes with pass_on_username_token only",
    ),
    "the gateway's account for a claim": (
        change("by-password", transition="own_account", verifier="internal_ces"),
        "services.3.verifier: internal_ces goes with pass_on_username_token only",
    ),
    "no password left to pass on": (
        change("by-password", transition="pass_on_username_token"),
        "services.3.transition: does not go with verifier kerberos, which keeps the user's ticket and no password",
    ),
    "a verifier for tickets": (
        change("by-ticket", verifier="kerberos"),
        "services.4.verifier: is for UsernamePassword services: tickets are verified by the realm's keytab",
    ),
    "a certificate beside the ticket": (
        lambda c: a_service(c, "renewal")["upstream"].update(own_certificate(c)),
        "services.5.upstream.certificate: is not used with the transition own_account: leave it out",
    ),
    "channel bindings of a certificate": (
        change("by-certificate", channel_bindings="required"),
        "services.2: channel_bindings go with authentication Kerberos only: leave it out",
    ),
    "accounts of a directory that nobody asks": (
        lambda c: (
            c["mapping"].append(
                {
                    "name": "b",
                    "issuer": "CN=Partner Root CA",
                    "account_from": "objectSid",
                    "accounts_within": ["@corp.example"],
                }
            ),
            without_realm("by-certificate")(c),
            without_realm("renewal")(c),
        ),
        "mapping.1.account_from: objectSid is looked for in a directory, but no Certificate service has a realm",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_a_mistake_at_its_place(tmp_path: Path, content: dict[str, Any], name: str) -> None:
    contradict, message = CONTRADICTIONS[name]
    contradict(content)

    with pytest.raises(Mistaken) as caught:
        load(tmp_path, content)

    found = [str(mistake) for mistake in caught.value.mistakes]
    assert any(message in mistake for mistake in found), caught.value
    assert all("gateway.yaml:" in mistake for mistake in found), "each has its line"
