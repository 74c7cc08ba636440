import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from pydantic import ValidationError

from gateway.pki.channel_binding import tls_server_end_point
from gateway.strict_yaml import Mistaken
from gateway.web import tls
from gateway.web.tls import (
    ClientCertificates,
    ListenerContexts,
    ListenerSettings,
    ServerContext,
    ServerNameSettings,
    can_be_bound_to,
    check_listener,
    is_presented,
    load_contexts,
)
from tests.certificates import Authority, KeyPair, a_client_certificate, a_server_certificate
from tests.unit.web.unbindable import an_ed25519_certificate

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
NOW = datetime.now(UTC)


def a_listener(server: KeyPair, **settings: Any) -> ListenerSettings:
    return ListenerSettings(certificate=server.certificate_path, key=server.key_path, **settings)


def asking(authority: Authority, server: KeyPair, mode: ClientCertificates) -> ListenerContexts:
    return load_contexts(a_listener(server, client_certificates=mode, client_trust=authority.certificate_path))


def handshake(
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    session: ssl.SSLSession | None = None,
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A whole handshake in memory, and a close in good order: server's and client's side of it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname="localhost", session=session)
    for step in (client.do_handshake, server.do_handshake) * 3 + (client.unwrap, server.unwrap) * 2:
        try:
            step()
        except ssl.SSLWantReadError:
            continue
    return server, client


def a_client(authority: Authority, certificate: KeyPair | None, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate_path))
    context.minimum_version = context.maximum_version = version
    if certificate is not None:
        context.load_cert_chain(certificate.certificate_path, certificate.key_path)
    return context


# --- settings -------------------------------------------------------------------------------------------------------


def test_by_default_no_client_certificate_is_asked_for(tmp_path: Path) -> None:
    settings = ListenerSettings(certificate=tmp_path, key=tmp_path)

    assert settings.client_certificates is ClientCertificates.NONE
    assert (settings.address, settings.port, settings.name) == ("::", 443, "[::]:443")


def test_asking_for_client_certificates_takes_a_trust_store(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="client_trust goes with"):
        ListenerSettings(certificate=tmp_path, key=tmp_path, client_certificates=ClientCertificates.OPTIONAL)


def test_a_trust_store_that_nothing_uses_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="client_trust goes with"):
        ServerNameSettings(certificate=tmp_path, key=tmp_path, client_trust=tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "localhost"},
        {"address": "1.2.3"},
        {"port": -1},
        {"port": 65536},
        {"port": "443"},
        {"server_names": {"CES.example.com": {}}},
        {"server_names": {"ces.example.com.": {}}},
        {"server_names": {"*.example.com": {}}},
        {"tickets": True},
    ],
)
def test_what_a_listener_cannot_be_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ListenerSettings.model_validate({"certificate": tmp_path, "key": tmp_path} | wrong)


# --- loading --------------------------------------------------------------------------------------------------------


def test_a_key_of_another_certificate_is_a_mistake(authority: Authority) -> None:
    server, other = a_server_certificate(authority), a_server_certificate(authority)
    settings = ListenerSettings(certificate=server.certificate_path, key=other.key_path)

    with pytest.raises(Mistaken, match="KEY_VALUES_MISMATCH"):
        load_contexts(settings)


def test_a_missing_file_is_a_mistake(authority: Authority, tmp_path: Path) -> None:
    server = a_server_certificate(authority)

    with pytest.raises(Mistaken, match="No such file"):
        load_contexts(ListenerSettings(certificate=server.certificate_path, key=tmp_path / "absent.pem"))


def test_a_key_with_a_passphrase_is_a_mistake_and_nobody_is_asked_for_it(authority: Authority, tmp_path: Path) -> None:
    key = tmp_path / "encrypted.pem"
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
        )
    )

    with pytest.raises(Mistaken, match="not usable with the key"):
        load_contexts(ListenerSettings(certificate=a_server_certificate(authority).certificate_path, key=key))


def test_a_trust_store_without_certificates_is_a_mistake(authority: Authority, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")

    with pytest.raises(Mistaken, match="no PEM certificates to trust"):
        load_contexts(
            a_listener(
                a_server_certificate(authority), client_certificates=ClientCertificates.REQUIRED, client_trust=empty
            )
        )


def test_the_first_certificate_to_expire_is_known(authority: Authority) -> None:
    soon = (NOW + timedelta(days=5)).replace(microsecond=0)
    server, own = a_server_certificate(authority), a_server_certificate(authority, "ces.example.com", not_after=soon)
    names = {"ces.example.com": ServerNameSettings(certificate=own.certificate_path, key=own.key_path)}

    assert load_contexts(a_listener(server, server_names=names)).not_after == soon


def test_a_certificate_that_is_replaced_while_it_is_read_is_not_taken(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else tickets would be checked against another certificate than the one that clients see."""
    first, second = a_server_certificate(authority), a_server_certificate(authority)
    path = tmp_path / "server.pem"
    path.write_bytes(first.certificate_path.read_bytes())

    class Replacing(ServerContext):
        def load_cert_chain(self, *args: Any, **kwargs: Any) -> None:
            super().load_cert_chain(*args, **kwargs)
            path.write_bytes(second.certificate_path.read_bytes())

    monkeypatch.setattr(tls, "ServerContext", Replacing)

    with pytest.raises(Mistaken, match="was replaced while it was read"):
        load_contexts(ListenerSettings(certificate=path, key=first.key_path))


def test_channel_bindings_are_computed_when_the_certificate_is_loaded(authority: Authority) -> None:
    server = a_server_certificate(authority)

    identity = load_contexts(a_listener(server)).for_server_name(None)

    assert identity.channel_bindings == tls_server_end_point(server.der)
    assert can_be_bound_to(a_listener(server), "localhost")


def test_a_certificate_whose_signature_leaves_them_undefined_has_no_channel_bindings(tmp_path: Path) -> None:
    path = tmp_path / "ed25519.pem"
    path.write_bytes(an_ed25519_certificate("localhost"))
    settings = ListenerSettings(certificate=path, key=path)

    assert load_contexts(settings).for_server_name(None).channel_bindings is None
    assert not can_be_bound_to(settings, "localhost")


# --- contexts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_certificate_that_is_optional_is_optional(authority: Authority, version: ssl.TLSVersion) -> None:
    contexts = asking(authority, a_server_certificate(authority), ClientCertificates.OPTIONAL)
    certificate = a_client_certificate(authority)

    without, _ = handshake(contexts.for_server_name(None).context(), a_client(authority, None, version))
    having, _ = handshake(contexts.for_server_name(None).context(), a_client(authority, certificate, version))

    assert without.getpeercert(binary_form=True) is None
    assert having.getpeercert(binary_form=True) == certificate.der


@pytest.mark.parametrize("version", VERSIONS)
def test_an_authority_of_the_system_is_not_trusted(
    authority: Authority, other_authority: Authority, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(other_authority.certificate_path))
    contexts = asking(authority, a_server_certificate(authority), ClientCertificates.OPTIONAL)

    with pytest.raises(ssl.SSLError) as refused:
        handshake(
            contexts.for_server_name(None).context(),
            a_client(authority, a_client_certificate(other_authority), version),
        )

    assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_never_resumed(authority: Authority, version: ssl.TLSVersion) -> None:
    contexts = asking(authority, a_server_certificate(authority), ClientCertificates.REQUIRED)
    client_context = a_client(authority, a_client_certificate(authority), version)

    _, first = handshake(contexts.for_server_name(None).context(), client_context)
    again, _ = handshake(contexts.for_server_name(None).context(), client_context, first.session)

    assert first.session is not None
    assert not first.session.has_ticket
    assert not again.session_reused
    assert again.getpeercert(binary_form=True)


def test_versions_before_1_2_are_not_spoken(authority: Authority) -> None:
    context = load_contexts(a_listener(a_server_certificate(authority))).for_server_name(None).context()

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("version", VERSIONS)
def test_http_1_1_is_agreed_upon_and_h2_is_not(authority: Authority, version: ssl.TLSVersion) -> None:
    contexts = load_contexts(a_listener(a_server_certificate(authority)))
    client_context = a_client(authority, None, version)
    client_context.set_alpn_protocols(["h2", "http/1.1"])

    server, _ = handshake(contexts.for_server_name(None).context(), client_context)

    assert server.selected_alpn_protocol() == "http/1.1"


def test_openssl_keeps_the_verify_mode_when_the_context_is_switched(authority: Authority) -> None:
    """Why the server name must be known before the handshake: were this to change, `client_hello` could go."""
    server = a_server_certificate(authority)
    asks = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asks.load_cert_chain(server.certificate_path, server.key_path)
    asks.load_verify_locations(authority.certificate_path)
    asks.verify_mode = ssl.CERT_REQUIRED
    does_not_ask = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    does_not_ask.sni_callback = lambda tls, _name, _context: setattr(tls, "context", asks)

    switched, _ = handshake(does_not_ask, a_client(authority, None, ssl.TLSVersion.TLSv1_2))

    assert switched.version() == "TLSv1.2"
    assert switched.getpeercert(binary_form=True) is None


def test_server_names_are_compared_without_regard_to_case(authority: Authority) -> None:
    own = a_server_certificate(authority, "localhost")
    names = {"localhost": ServerNameSettings(certificate=own.certificate_path, key=own.key_path)}
    contexts = load_contexts(a_listener(a_server_certificate(authority, "ces.example.com"), server_names=names))
    client_context = a_client(authority, None, ssl.TLSVersion.TLSv1_3)

    _, client = handshake(contexts.for_server_name("LocalHost").context(), client_context)

    assert client.getpeercert(binary_form=True) == own.der
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(contexts.for_server_name("unknown.example.com").context(), client_context)


# --- checking -------------------------------------------------------------------------------------------------------


def test_a_host_is_looked_for_in_the_certificate_that_its_clients_see(authority: Authority) -> None:
    own = a_server_certificate(authority, "cep.example.com")
    names = {"cep.example.com": ServerNameSettings(certificate=own.certificate_path, key=own.key_path)}
    settings = a_listener(a_server_certificate(authority, "ces.example.com"), server_names=names)

    assert check_listener(settings, NOW).mistakes == ()
    assert is_presented(settings, "ces.example.com")
    assert is_presented(settings, "cep.example.com")
    assert not is_presented(settings, "www.example.com")


def test_all_mistakes_of_a_listener_are_reported(authority: Authority, tmp_path: Path) -> None:
    wrong = a_server_certificate(authority, "other.example.com")
    names = {
        "cep.example.com": ServerNameSettings(certificate=wrong.certificate_path, key=wrong.key_path),
        "ces.example.com": ServerNameSettings(certificate=wrong.certificate_path, key=tmp_path / "absent.pem"),
    }
    settings = a_listener(a_server_certificate(authority), server_names=names)

    found = check_listener(settings, NOW + timedelta(days=100))

    texts = "\n".join(found.mistakes)
    assert "CN=localhost expired" in texts
    assert "server name cep.example.com: CN=other.example.com expired" in texts
    assert "server name cep.example.com: CN=other.example.com is not for cep.example.com" in texts
    assert "server name ces.example.com: " in texts
    assert "No such file" in texts


def test_a_server_name_with_settings_of_its_own_is_a_place_of_its_own(authority: Authority) -> None:
    server = a_server_certificate(authority)
    own = ServerNameSettings(certificate=server.certificate_path, key=server.key_path)
    contexts = load_contexts(a_listener(server, server_names={"cert.partner.example": own}))

    assert contexts.is_served("cert.partner.example", server_name="Cert.Partner.Example")
    assert not contexts.is_served("enroll.partner.example", server_name="cert.partner.example")
    for elsewhere in ("enroll.partner.example", "unheard.of.example", None):
        assert contexts.is_served("enroll.partner.example", server_name=elsewhere)
        assert not contexts.is_served("cert.partner.example", server_name=elsewhere)
