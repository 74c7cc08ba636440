"""What CEP services advertise, and what not since it would not work."""

from base64 import b64encode
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.config import CEPSettings, CESSettings, Configuration
from gateway.config.advertising import publication_of, why_not_advertised
from gateway.protocol.xcep import CAURI, ClientAuthentication
from gateway.web.reply import PublishedService, Reply
from gateway.web.tls import ClientCertificates
from tests.certificates import a_server_certificate, an_authority
from tests.templates import a_ca_certificate
from tests.unit.config.samples import HOST, load

NOBODY: frozenset[str] = frozenset()
CA = "Corp Issuing CA 1"


def with_more_services(content: dict[str, Any]) -> dict[str, Any]:
    """A CES service of each authentication, and CEP by either; the one by certificate is written last."""
    policy, by_password = content["services"]
    own = {key: policy["upstream"][key] for key in ("certificate", "key")}
    by_certificate = deepcopy(by_password) | {
        "name": "ca-by-certificate",
        "authentication": "Certificate",
        "transition": "own_certificate",
        "upstream": by_password["upstream"] | own,
    }
    del by_certificate["verifier"]
    policy_by_password = deepcopy(policy) | {
        "name": "policy-by-password",
        "authentication": "UsernamePassword",
        "verifier": "password_file",
    }
    return content | {"services": [policy, policy_by_password, by_password, by_certificate]}


def configuration(tmp_path: Path, content: dict[str, Any]) -> Configuration:
    return load(tmp_path, content).configuration


def published(configuration: Configuration) -> Sequence[PublishedService]:
    async def answer(*_: object) -> Reply:
        return Reply(200, b"")

    return [
        PublishedService(each.name, each.path, configuration.public_host_of(each), answer, answer, negotiate=False)
        for each in configuration.services
    ]


def reasons(configuration: Configuration, cas: frozenset[str] = NOBODY, days: float = 0) -> dict[str, str]:
    now = datetime.now(UTC) + timedelta(days=days)
    return dict(why_not_advertised(configuration, published(configuration), cas, now))


def uris_told_by(configuration: Configuration, name: str, not_advertised: frozenset[str] = NOBODY) -> tuple[CAURI, ...]:
    (service,) = (each for each in configuration.services if each.name == name)
    assert isinstance(service, CEPSettings)
    return publication_of(configuration, service, not_advertised).uris.get(CA, ())


def test_every_authentication_is_told_the_client_s_own_first(tmp_path: Path, content: dict[str, Any]) -> None:
    ours = configuration(tmp_path, with_more_services(content))
    by_certificate = CAURI(
        ClientAuthentication.CERTIFICATE,
        f"https://{HOST}/Corp%20Issuing%20CA%201_CES_Certificate/service.svc/CES",
        None,
        renewal_only=False,
    )
    by_password = CAURI(
        ClientAuthentication.USERNAME_PASSWORD,
        f"https://{HOST}/Corp%20Issuing%20CA%201_CES_UsernamePassword/service.svc/CES",
        None,
        renewal_only=False,
    )

    assert uris_told_by(ours, "policy") == (by_certificate, by_password)
    assert uris_told_by(ours, "policy-by-password") == (by_password, by_certificate)


def test_a_renewal_only_service_is_told_as_one(tmp_path: Path, content: dict[str, Any]) -> None:
    ours = configuration(tmp_path, content)
    policy, ces = ours.services
    ours = ours.model_copy(update={"services": (policy, ces.model_copy(update={"renewal_only": True}))})

    assert [uri.renewal_only for uri in uris_told_by(ours, "policy")] == [True]


def test_clients_are_told_first_of_the_service_that_knows_them_as_they_came(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    ours = configuration(tmp_path, with_more_services(content))
    policy, by_certificate = ours.services[0], ours.services[-1]
    renewing = {"name": "renewing", "public_url": "https://renew.partner.example"}
    for_keys = policy.model_copy(update=renewing | {"name": "for-keys", "key_based_renewal": True})
    renewal_only = by_certificate.model_copy(update=renewing | {"renewal_only": True})
    both = ours.model_copy(update={"services": (renewal_only, *ours.services, for_keys)})

    by_account = [(uri.client_authentication, uri.renewal_only) for uri in uris_told_by(both, "policy")]
    by_key = [(uri.client_authentication, uri.renewal_only) for uri in uris_told_by(both, "for-keys")]

    certificate, password = ClientAuthentication.CERTIFICATE, ClientAuthentication.USERNAME_PASSWORD
    assert by_account == [(certificate, False), (certificate, True), (password, False)]
    # Who has nothing but a certificate is told of nothing else.
    assert by_key == [(certificate, True), (certificate, False)]


def test_all_services_of_a_view_have_one_identifier_and_another_view_another(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    content = with_more_services(content)
    ours = configuration(tmp_path, content)
    second = ours.services[0].model_copy(update={"name": "second", "view": "second"})
    ours = ours.model_copy(update={"services": (*ours.services, second)})

    ids = [publication_of(ours, each).policy_id for each in ours.services if isinstance(each, CEPSettings)]

    assert ids[0] == ids[1] != ids[2]


def test_services_that_work_are_all_told(tmp_path: Path, content: dict[str, Any]) -> None:
    ours = configuration(tmp_path, with_more_services(content))

    assert reasons(ours, frozenset({CA})) == reasons(ours) == {}


def test_a_ca_that_the_inside_does_not_offer_is_named(tmp_path: Path, content: dict[str, Any]) -> None:
    found = reasons(configuration(tmp_path, content), frozenset({"Another CA"}))

    assert found.keys() == {"ca"}
    assert "Another CA" in found["ca"]


def test_a_server_certificate_that_is_over_or_was_replaced_by_another_name_s_is_told(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    ours = configuration(tmp_path, content)
    certificate = ours.listeners[0].certificate

    assert "expired" in reasons(ours, days=36500)["ca"]
    another = a_server_certificate(an_authority(tmp_path, "Another Root CA"), "somewhere.else")
    certificate.write_bytes(another.certificate_path.read_bytes())
    assert "is not for enroll.partner.example" in reasons(ours)["ca"]
    certificate.unlink()
    assert "cannot be read" in reasons(ours)["ca"]


def test_a_listener_that_asks_for_no_certificate_serves_nobody_who_has_one(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    ours = configuration(tmp_path, with_more_services(content))
    listener = ours.listeners[0]
    silent = listener.model_copy(update={"client_certificates": ClientCertificates.NONE, "client_trust": None})

    found = reasons(ours.model_copy(update={"listeners": (silent,)}))

    assert found.keys() == {"ca-by-certificate"}
    assert "does not ask for client certificates" in found["ca-by-certificate"]
    assert reasons(ours.model_copy(update={"listeners": (silent, listener)})) == {}


def test_an_address_that_leads_to_another_service_is_not_told(tmp_path: Path, content: dict[str, Any]) -> None:
    ours = configuration(tmp_path, content)
    service = ours.services[1]
    assert isinstance(service, CESSettings)
    twin = service.model_copy(update={"name": "twin"})
    ours = ours.model_copy(update={"services": (*ours.services, twin)})

    assert reasons(ours).keys() == {"twin"}


def test_what_does_not_work_is_left_out(tmp_path: Path, content: dict[str, Any]) -> None:
    ours = configuration(tmp_path, with_more_services(content))

    told = uris_told_by(ours, "policy", frozenset({"ca-by-certificate"}))

    assert [uri.client_authentication for uri in told] == [ClientAuthentication.USERNAME_PASSWORD]


# --- check-config ---------------------------------------------------------------------------------------------------


def test_a_ca_that_the_catalogue_does_not_know_is_a_warning(tmp_path: Path, content: dict[str, Any]) -> None:
    content["catalogue"] = {"file": "catalogue.yaml"}
    certificate = b64encode(a_ca_certificate("Another CA")).decode()
    (tmp_path / "catalogue.yaml").write_text(f"cAs: [{{commonName: Another CA, certificate: {certificate}}}]")

    warnings = load(tmp_path, content).warnings

    assert any("service ca: " in warning and "Another CA" in warning for warning in warnings)
