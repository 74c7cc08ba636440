"""What the benchmark is made of: throw-away keys, the message that is sent, the answer that the stub gives."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CA_NAME = "Bench CA"
HOST = "host-0001.bench.example"
_MACHINE = "host-00000000.bench.example"
"""The load generator counts the digits up: the identical request would be answered from the ledger."""
TEMPLATE = "Machine"
_CERTIFICATE_TEMPLATE_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2")
CES_PATH = "/Bench%20CA_CES_Certificate/service.svc/CES"

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
ENROLLMENT = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"
WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"


@dataclass(frozen=True, slots=True)
class World:
    """Where the files of one run lie."""

    directory: Path

    @property
    def trust(self) -> Path:
        """The CA of everybody here."""
        return self.directory / "ca.crt"

    def certificate(self, name: str) -> Path:
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.directory / f"{name}.key"

    @property
    def client(self) -> Path:
        """The client's certificate and key in one file."""
        return self.directory / "client.pem"

    @property
    def request(self) -> Path:
        """The body of every request."""
        return self.directory / "request.xml"

    @property
    def answer(self) -> Path:
        """The stub's answer, with `{relates_to}` where the MessageID of the request goes."""
        return self.directory / "answer.xml"


SERVER, UPSTREAM, CLIENT = "server", "upstream", "client"


def make_world(directory: Path) -> World:
    """Write keys and messages anew. Everything in TLS is P-256; the key that is enrolled is RSA 2048, as most are."""
    directory.mkdir(parents=True, exist_ok=True)
    world = World(directory)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate(CA_NAME, ca_key.public_key(), issuer=CA_NAME, issuer_key=ca_key, is_ca=True)
    world.trust.write_bytes(ca.public_bytes(Encoding.PEM))
    for name in (SERVER, UPSTREAM, CLIENT):
        key = ec.generate_private_key(ec.SECP256R1())
        common_name = HOST if name == CLIENT else "localhost"
        certificate = _certificate(common_name, key.public_key(), issuer=CA_NAME, issuer_key=ca_key)
        world.certificate(name).write_bytes(certificate.public_bytes(Encoding.PEM))
        world.key(name).write_bytes(_pem(key))
    world.client.write_bytes(world.certificate(CLIENT).read_bytes() + world.key(CLIENT).read_bytes())

    enrolled_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issued = _certificate(HOST, enrolled_key.public_key(), issuer=CA_NAME, issuer_key=ca_key)
    world.request.write_text(_request_message(_certification_request(enrolled_key)))
    world.answer.write_text(_answer_message(issued, ca))
    return world


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(
    common_name: str,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    *,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    is_ca: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(_key_usage(is_ca=is_ca), critical=True)
    )
    if not is_ca:
        text = TEMPLATE.encode("utf-16-be")
        # A BMPString: the gateway hands out no certificate that does not say by which template it was issued.
        template = x509.UnrecognizedExtension(_CERTIFICATE_TEMPLATE_NAME, bytes((0x1E, len(text))) + text)
        builder = builder.add_extension(template, critical=False)
        names: list[x509.GeneralName] = [x509.DNSName(common_name)]
        if common_name == "localhost":
            names.append(x509.IPAddress(ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _certification_request(key: rsa.RSAPrivateKey) -> bytes:
    """DER. What a machine asks for, as certreq writes it; the template is named in the message."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name(HOST))
        .add_extension(_key_usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(Encoding.DER)


def _base64(der: bytes) -> str:
    """Wrapped with CRLF, which XML writes as a character reference: so Windows does it."""
    return base64.encodebytes(der).decode().replace("\n", "&#xD;\n")


def _binary_security_token(value_type: str, content: str) -> str:
    return (
        f'<BinarySecurityToken ValueType="{value_type}" EncodingType="{WSSE}#base64binary" xmlns="{WSSE}">'
        f"{content}</BinarySecurityToken>"
    )


def _context_item(name: str, value: str) -> str:
    return f'<ContextItem Name="{name}"><Value>{value}</Value></ContextItem>'


def _request_message(certification_request: bytes) -> str:
    context = "".join(
        _context_item(name, value)
        for name, value in (("ccm", _MACHINE), ("rmd", "dc01.bench.example"), ("CertificateTemplate", TEMPLATE))
    )
    return f"""\
<s:Envelope xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:s="http://www.w3.org/2003/05/soap-envelope">\
<s:Header>\
<a:Action s:mustUnderstand="1">{ENROLLMENT}/RST/wstep</a:Action>\
<a:MessageID>urn:uuid:b5d1a601-5091-4a7d-b34b-5204c18b5919</a:MessageID>\
<a:To s:mustUnderstand="1">https://localhost{CES_PATH}</a:To>\
</s:Header>\
<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">\
<RequestSecurityToken PreferredLanguage="en-US" xmlns="{WST}">\
<TokenType>{X509V3}</TokenType>\
<RequestType>{WST}/Issue</RequestType>\
{_binary_security_token(f"{ENROLLMENT}#PKCS10", _base64(certification_request))}\
<RequestID xsi:nil="true" xmlns="{ENROLLMENT}"/>\
<AdditionalContext xmlns="http://schemas.xmlsoap.org/ws/2006/12/authorization">{context}</AdditionalContext>\
</RequestSecurityToken>\
</s:Body>\
</s:Envelope>"""


def _answer_message(issued: x509.Certificate, ca: x509.Certificate) -> str:
    """In the shape of AD CS' answer; a certs-only PKCS#7 stands for the CMC response, which nobody on the way reads."""
    chain = pkcs7.serialize_certificates([issued, ca], Encoding.DER)
    leaf = issued.public_bytes(Encoding.DER)
    return f"""\
<s:Envelope xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:s="http://www.w3.org/2003/05/soap-envelope">\
<s:Header>\
<a:Action s:mustUnderstand="1">{ENROLLMENT}/RSTRC/wstep</a:Action>\
<a:RelatesTo>{{relates_to}}</a:RelatesTo>\
</s:Header>\
<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">\
<RequestSecurityTokenResponseCollection xmlns="{WST}">\
<RequestSecurityTokenResponse>\
<TokenType>{X509V3}</TokenType>\
<DispositionMessage xml:lang="en-US" xmlns="{ENROLLMENT}">Issued</DispositionMessage>\
{_binary_security_token(f"{WSSE}#PKCS7", _base64(chain))}\
<RequestedSecurityToken>{_binary_security_token(X509V3, _base64(leaf))}</RequestedSecurityToken>\
<RequestID xmlns="{ENROLLMENT}">57</RequestID>\
</RequestSecurityTokenResponse>\
</RequestSecurityTokenResponseCollection>\
</s:Body>\
</s:Envelope>"""
