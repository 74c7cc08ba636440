"""What is fuzzed: each parser of bytes or text that somebody else wrote, with its invariant.

For all of them: they return, or raise their own error and nothing else, within the limits of `tests.fuzz.__main__` on
time and memory. What else holds is said at each target.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from gateway import strict_yaml
from gateway.audit import facts
from gateway.errors import (
    MalformedCertificationRequest,
    MalformedMessage,
    NegotiateRefused,
    SecurityHeaderInvalid,
)
from gateway.pki import cmc, der, extensions
from gateway.pki.authorities import TrustedCertificate
from gateway.pki.certificate import parse_certificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.channel_binding import tls_server_end_point
from gateway.pki.cmc_response import parse_cmc_response
from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.pki.issued_certificate import parse_issued_certificate
from gateway.pki.keys import parse_public_key
from gateway.pki.names import parse_general_names
from gateway.pki.parse_request import MAX_CERTIFICATION_REQUEST_BYTES, parse_certificate_request
from gateway.policy import tamemycerts
from gateway.policy.decision import Application, Policies, decide
from gateway.policy.load import load_policies
from gateway.protocol import key_exchange, soap, spnego, wstep, xcep
from gateway.protocol.xml import MAX_MESSAGE_BYTES
from gateway.strict_yaml import Mistaken
from tests.builders import a_requester
from tests.fuzz.mutation import Mutation, Node, of_der, of_text, parse
from tests.silver_tickets import KERBEROS, NTLMSSP, Service, a_neg_token_init, a_ticket, an_ap_req, framed
from tests.unit.policy.tamemycerts import samples

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"
FINDINGS = Path(__file__).parent / "findings"
"""What was found once, by target: seeds from then on, and replayed by tests/unit/test_fuzz.py."""

_XML = "<[^>]*>?|[^<]+"
_LINES = "[^\n]*\n|[^\n]+"
_POLICY_FILE_BYTES = 64 * 1024
"""No limit of the gateway: whoever writes policies may make it slow."""
_UTF8_STRING = 0x0C
_MUCH = 64 * 1024
_TEXT = 1024


@dataclass(frozen=True, slots=True)
class Target:
    run: Callable[[bytes], None]
    """Returns, or raises what is a finding."""
    seeds: Callable[[], Iterable[bytes]]
    mutation: Callable[[Iterable[bytes]], Mutation]
    most: int
    """Bytes of an input: a little more than the parser takes, where it has a limit."""
    signatures_count: bool = True
    """Without, a signature is verified and then taken as good: behind it nothing else could be reached."""

    @property
    def name(self) -> str:
        return self.run.__name__


def certificate_request(data: bytes) -> None:
    """MalformedCertificationRequest. What is read has the very bytes, so that what is judged is what is sent on."""
    with suppress(MalformedCertificationRequest):
        assert parse_certificate_request(data).der == data


def judged_request(data: bytes) -> None:
    """Of whatever can be read there is a verdict and a record: neither `decide` nor what writes the facts raises."""
    try:
        request = parse_certificate_request(data)
    except MalformedCertificationRequest:
        return
    for requester in (a_requester("partner-a"), a_requester("alice@partner-a.example", "UsernamePassword")):
        application = Application(requester, request, signers=_vouched_for(request))
        decision = decide(_shipped_policies(), application)
        assert (decision.approval is None) != (decision.error is None)
        json.dumps(facts.of_application(application))
        str(decision.error)


def _vouched_for(request: CertificateRequest) -> tuple[TrustedCertificate, ...]:
    return tuple(TrustedCertificate(certificate, "a CA") for certificate in request.signers)


@cache
def _shipped_policies() -> Policies:
    files = sorted((ROOT / "policies").glob("*.yaml"))
    return load_policies([(file.name, file.read_text(encoding="utf-8")) for file in files])


def certificate(data: bytes) -> None:
    """MalformedMessage. What is read has the very bytes."""
    with suppress(MalformedMessage):
        assert parse_certificate(data).der == data


def issued_certificate(data: bytes) -> None:
    """MalformedMessage. What is read has the very bytes."""
    with suppress(MalformedMessage):
        assert parse_issued_certificate(data).certificate.der == data


def cmc_response(data: bytes) -> None:
    """MalformedMessage. Whatever certificate is told stands in the bytes."""
    with suppress(MalformedMessage):
        assert all(carried.der in data for carried in parse_cmc_response(data))


def public_key(data: bytes) -> None:
    """ValueError. What is read has the very bytes."""
    with suppress(ValueError):
        assert parse_public_key(data).subject_public_key_info == data


def extension_values(data: bytes) -> None:
    """ValueError, from every reader of an extension's value."""
    for read in (
        extensions.key_usage,
        extensions.subject_key_identifier,
        extensions.extended_key_usage,
        extensions.certificate_policies,
        extensions.basic_constraints_ca,
        extensions.certificate_template_name,
        extensions.certificate_template_oid,
        extensions.security_identifier,
    ):
        with suppress(ValueError):
            read(data)


def general_names(data: bytes) -> None:
    """ValueError. Every name has a type, and a value that is not empty."""
    with suppress(ValueError):
        assert all(name.type and name.value for name in parse_general_names(data))


def channel_binding(data: bytes) -> None:
    """ValueError."""
    with suppress(ValueError):
        tls_server_end_point(data)


def negotiate_token(data: bytes) -> None:
    """NegotiateRefused. What is read is answered."""
    with suppress(NegotiateRefused):
        spnego.render_reply(spnego.parse_kerberos_token(data), b"a token")
    with suppress(NegotiateRefused):
        spnego.rejection(spnego.parse_neg_token_resp(data))


def request_message(data: bytes) -> None:
    """MalformedMessage, and of the Security header SecurityHeaderInvalid. A request to CES that is read is rendered for
    the inside so that it reads the same: nothing is said inside that was not judged.
    """
    try:
        envelope = soap.parse_envelope(data)
    except (MalformedMessage, SecurityHeaderInvalid):
        return
    with suppress(MalformedMessage):
        xcep.parse_get_policies(envelope)
    with suppress(MalformedMessage):
        token = wstep.parse_request(envelope)
        again = soap.render_envelope(envelope.action, wstep.render_request(token), message_id="urn:uuid:1")
        assert wstep.parse_request(soap.parse_envelope(again)) == token


def response_message(data: bytes) -> None:
    """MalformedMessage, and of the Security header SecurityHeaderInvalid. An answer that is read is rendered for the
    client so that it reads the same.
    """
    try:
        envelope = soap.parse_envelope(data)
    except (MalformedMessage, SecurityHeaderInvalid):
        return
    with suppress(MalformedMessage):
        soap.parse_fault(envelope)
    with suppress(MalformedMessage):
        xcep.parse_get_policies_response(envelope)
    with suppress(MalformedMessage):
        response = wstep.parse_response(envelope)
        again = soap.render_envelope(envelope.action, wstep.render_response(response))
        assert wstep.parse_response(soap.parse_envelope(again)) == response
    with suppress(MalformedMessage):
        token = key_exchange.parse_key_exchange_token(envelope)
        again = soap.render_envelope(envelope.action, key_exchange.render_key_exchange_token(token))
        assert key_exchange.parse_key_exchange_token(soap.parse_envelope(again)) == token


def policy_file(data: bytes) -> None:
    """Mistaken."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    with suppress(Mistaken):
        load_policies([("policy.yaml", text)])


def reg_info(data: bytes) -> None:
    """ValueError, from the text of a regInfo control: `data` is what is in its string. Every pair has a name."""
    with suppress(ValueError):
        assert all(pair.name for pair in cmc.reg_info(der.element(Node(_UTF8_STRING, content=data).encoded())))


def tamemycerts_policy(data: bytes) -> None:
    """Mistaken. What is read becomes a policy file that is YAML, and that is loaded or Mistaken."""
    try:
        imported = tamemycerts.import_policy(
            data, "policy.xml", tamemycerts.Target("A", None, "partner-a", ("Certificate",), "RSA")
        )
    except Mistaken:
        return
    assert strict_yaml.parse(imported.text, "policy.yaml").content["rules"]
    with suppress(Mistaken):
        load_policies([("policy.yaml", imported.text)])


def distinguished_name(data: bytes) -> None:
    """ValueError, from names as they stand in files and in the directory, and SIDs in URIs."""
    text = data.decode(errors="replace")
    with suppress(ValueError):
        parse_distinguished_name(text)
    with suppress(ValueError):
        extensions.security_identifier_of_uri(text)


# --- seeds ----------------------------------------------------------------------------------------------------------


def _files(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(VECTORS.rglob(pattern))]


def _der() -> list[bytes]:
    return _files("*.der")


def _elements(wanted: Callable[[Node], bool]) -> list[bytes]:
    """Elements of the vectors, without those that stand there twice."""
    found: set[bytes] = set()
    unread = [node for seed in _der() for node in parse(seed)]
    while unread:
        node = unread.pop()
        unread.extend(node.children or [])
        if wanted(node):
            found.add(node.encoded())
    return sorted(found)


def _is_public_key(node: Node) -> bool:
    """SEQUENCE { SEQUENCE { OBJECT IDENTIFIER ... }, BIT STRING }"""
    parts = node.children or []
    return [part.tag for part in parts] == [0x30, 0x03] and bool(parts[0].children) and node.tag == 0x30


def _wrapped() -> list[bytes]:
    """What is inside the OCTET STRINGs."""
    strings = [parse(element)[0] for element in _elements(lambda node: node.tag == 0x04 and bool(node.children))]
    return [b"".join(child.encoded() for child in string.children or ()) for string in strings]


def _tokens() -> list[bytes]:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    ticket = a_ticket(Service("HTTP/gateway.lab.example", "LAB.EXAMPLE", bytes(32)), client="alice", now=now)
    bare = an_ap_req(ticket, made_at=now)
    wrapped = a_neg_token_init(KERBEROS, mech_token=bare)
    answer = spnego.render_reply(spnego.parse_kerberos_token(wrapped), framed(KERBEROS, b"\x02\x00\x6f\x00"))
    return [bare, wrapped, a_neg_token_init(NTLMSSP, mech_token=b"NTLM"), answer]


def _policy_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "policies").glob("*.yaml"))]


def _reg_infos() -> list[bytes]:
    return [b"CertificateTemplate=User&", b"a=b&c-d=%41%26%c3%a4&san=dns%3dweb&&x=", b"requestername=CORP\\alice&"]


def _policies_of_tamemycerts() -> list[bytes]:
    rules = [
        samples.a_rule("dNSName", samples.a_pattern(r"^[\w.-]*\.partner\.example$|a{2,3}(?:b|[^c-e\d])*?")),
        samples.a_rule(
            "iPAddress", samples.a_pattern("192.0.2.0/24", "Cidr"), samples.a_pattern("::/0", "Cidr", "Deny")
        ),
        samples.a_rule("userPrincipalName", samples.a_pattern("a@partner.example", "ExactMatchIgnoreCase")),
    ]
    memberships = samples.a_list("AllowedOrganizationalUnits", "OU=Users,DC=corp,DC=example")
    return [
        samples.a_policy(names="".join(rules)),
        samples.a_policy(
            "<AuditOnly>true</AuditOnly><MinimumKeyLength>2048</MinimumKeyLength>",
            samples.a_list("DisallowedProcesses", "mmc.exe"),
            f"<DirectoryServicesMapping>{memberships}</DirectoryServicesMapping>",
        ),
    ]


def _names() -> list[bytes]:
    return [
        b"CN=Partner CA,O=Partner\\, Inc.,C=DE",
        b"OU=a+CN=b,DC=corp,DC=example",
        b"CN=\\c3\\a4,1.2.3=#0500",
        b"tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1104",
    ]


def _words(seeds: Iterable[bytes]) -> Mutation:
    return of_text(r"\w+|\W", seeds)


def _lines(seeds: Iterable[bytes]) -> Mutation:
    return of_text(_LINES, seeds)


def _markup(seeds: Iterable[bytes]) -> Mutation:
    return of_text(_XML, seeds)


TARGETS = {
    target.name: target
    for target in (
        Target(certificate_request, _der, of_der, MAX_CERTIFICATION_REQUEST_BYTES + 1),
        Target(judged_request, _der, of_der, MAX_CERTIFICATION_REQUEST_BYTES + 1, signatures_count=False),
        Target(certificate, _der, of_der, _MUCH),
        Target(issued_certificate, _der, of_der, _MUCH),
        Target(cmc_response, _der, of_der, _MUCH),
        Target(channel_binding, _der, of_der, _MUCH),
        Target(public_key, lambda: _elements(_is_public_key), of_der, _MUCH),
        Target(extension_values, _wrapped, of_der, _MUCH),
        Target(general_names, _wrapped, of_der, _MUCH),
        Target(negotiate_token, _tokens, of_der, spnego.MAX_TOKEN_BYTES + 1),
        Target(request_message, lambda: _files("*.xml"), _markup, MAX_MESSAGE_BYTES + 1),
        Target(response_message, lambda: _files("*.xml"), _markup, MAX_MESSAGE_BYTES + 1),
        Target(policy_file, _policy_files, _lines, _POLICY_FILE_BYTES),
        Target(reg_info, _reg_infos, _words, _TEXT),
        Target(tamemycerts_policy, _policies_of_tamemycerts, _markup, _POLICY_FILE_BYTES),
        Target(distinguished_name, _names, _words, _TEXT),
    )
}


def seeds_of(target: Target) -> list[bytes]:
    """The target's own, and what was found with it before."""
    found = sorted((FINDINGS / target.name).glob("*"))
    return [*target.seeds(), *(path.read_bytes() for path in found)]
