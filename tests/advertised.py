"""The addresses that GetPolicies tells, as a client reads them: with plain lxml."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from cryptography import x509
from lxml import etree

from tests.stand import NAMESPACES, Answer

KERBEROS, USERNAME_PASSWORD, CERTIFICATE = "2", "4", "8"
"""clientAuthentication ([MS-XCEP] 3.1.4.1.3.2)."""


@dataclass(frozen=True)
class Advertised:
    """One cAURI."""

    ca: str
    authentication: str
    uri: str
    priority: int
    renewal_only: bool

    @property
    def host(self) -> str | None:
        return urlsplit(self.uri).hostname

    @property
    def port(self) -> int | None:
        return urlsplit(self.uri).port

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.uri).path)


def advertised(answer: Answer) -> list[Advertised]:
    """In their order."""
    root = etree.fromstring(answer.body)
    return [
        Advertised(
            ca=_subject(ca),
            authentication=_text(uri, "clientAuthentication"),
            uri=_text(uri, "uri"),
            priority=int(_text(uri, "priority")),
            renewal_only=_text(uri, "renewalOnly") == "true",
        )
        for ca in root.iterfind(".//xcep:cA", NAMESPACES)
        for uri in ca.iterfind(".//xcep:cAURI", NAMESPACES)
    ]


def _subject(ca: etree._Element) -> str:
    pem = f"-----BEGIN CERTIFICATE-----\n{_text(ca, 'certificate')}\n-----END CERTIFICATE-----"
    (name,) = x509.load_pem_x509_certificate(pem.encode()).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(name.value)


def _text(parent: etree._Element, name: str) -> str:
    found = parent.find(f"xcep:{name}", NAMESPACES)
    assert found is not None
    assert found.text
    return found.text
