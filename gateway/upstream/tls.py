"""TLS towards the inside: the server is verified, and the gateway may show a certificate of its own."""

import ssl

from gateway.strict_yaml import Mistake, Mistaken
from gateway.upstream.settings import UpstreamSettings


def client_context(settings: UpstreamSettings) -> ssl.SSLContext:
    """Read the files of the settings. Raises Mistaken, with the file that cannot be used."""
    # Not ssl.create_default_context: it would trust the system's authorities too, write keys to SSLKEYLOGFILE, and from
    # Python 3.13 on refuse CA certificates of older AD CS (VERIFY_X509_STRICT).
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=settings.trust)
    except OSError as error:
        raise Mistaken(
            (Mistake(str(settings.trust), 0, "", f"no PEM certificates to trust: {_reason(error)}"),)
        ) from error
    if settings.certificate is not None:
        _show(context, settings)
    return context


def _show(context: ssl.SSLContext, settings: UpstreamSettings) -> None:
    # IIS asks for the certificate only after it has read the request's head, unless clientcertnegotiation=enable.
    context.post_handshake_auth = True
    assert settings.certificate is not None
    try:
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(settings.certificate, settings.key, password="")
    except OSError as error:
        message = f"no certificate with the key in {settings.key}, in PEM, without passphrase: {_reason(error)}"
        raise Mistaken((Mistake(str(settings.certificate), 0, "", message),)) from error


def _reason(error: OSError) -> str:
    """OpenSSL's reason, or the system's; without OpenSSL's source lines."""
    return (isinstance(error, ssl.SSLError) and error.reason) or error.strerror or str(error)
