"""From the words of an example to the bytes that a client would send."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.pki import oids, write
from gateway.pki.write_request import (
    PrivateKey,
    Signer,
    certification_request,
    issue,
    renewal_attribute,
    signed_data,
)
from gateway.policy.decision import Template
from gateway.policy.examples import (
    CertificateSection,
    ECKey,
    Key,
    RequesterFacts,
    RequestSection,
    TemplateChoice,
    TemplateNaming,
)
from gateway.protocol.wstep import ContextItem

Keys = Callable[[Key, str], PrivateKey]
"""A key of this kind for this use, the same one whenever it is asked for: making one takes long."""

_SIGNERS_KEY = ECKey(algorithm="EC", curve="secp256r1")
_YEAR = timedelta(days=365)
_LIFE_OF_AN_AUTHORITY = 2 * _YEAR
_AUTHORITYS_USAGES = ("keyCertSign", "cRLSign")


@dataclass(frozen=True, slots=True)
class MadeRequest:
    """What a client would send."""

    der: bytes
    additional_context: tuple[ContextItem, ...]
    authorities: tuple[Signer, ...]
    """Of the certificates that sign: those that are to be trusted while this request is judged."""
    client_certificate: bytes | None
    """The certificate among the signers that the requester has shown in the TLS handshake too."""


class RequestMaker:
    """Makes what the examples of one template ask for, as of `now`."""

    def __init__(self, template: Template, keys: Keys, now: datetime) -> None:
        self._template = template
        self._keys = keys
        self._now = now
        self._serial_number = 0

    def request(self, section: RequestSection) -> MadeRequest:
        """A PKCS#10, or a CMS around one if somebody else than its own key signs."""
        agents = section.on_behalf_of.agents if section.on_behalf_of else ()
        signing = (section.renewal_of,) if section.renewal_of else agents
        signers = [self._certificate(certificate) for certificate in signing]
        renewed = [renewal_attribute(signer.certificate) for signer in signers] if section.renewal_of else []
        der = certification_request(
            write.name(section.subject_fields()),
            self._keys(section.key, "request"),
            [*self._attributes(section), *renewed],
        )
        if section.on_behalf_of is not None:
            name = write.name_value_pairs({"requestername": section.on_behalf_of.requester_name})
            der = signed_data(der, signers, [name])
        elif signers:
            der = signed_data(der, signers)
        return MadeRequest(
            der,
            tuple(ContextItem(name, value) for name, value in section.additional_context.items()),
            tuple(self._authority(certificate) for certificate in signing if not certificate.is_untrusted),
            next(
                (s.certificate for s, c in zip(signers, signing, strict=True) if c.is_client_certificate),
                None,
            ),
        )

    def client_certificate(self, facts: RequesterFacts) -> bytes | None:
        """The one that the requester is said to have shown, if anything is said of it."""
        section = _shown(facts)
        return None if section is None else self._certificate(section).certificate

    def client_authorities(self, facts: RequesterFacts) -> tuple[Signer, ...]:
        """That of the client certificate, if it is to be trusted."""
        section = _shown(facts)
        return () if section is None or section.is_untrusted else (self._authority(section),)

    def _attributes(self, section: RequestSection) -> Iterator[bytes]:
        if extensions := [*self._extensions(section)]:
            yield write.attribute(oids.EXTENSION_REQUEST, write.sequence(*extensions))
        if section.request_attributes:
            yield write.name_value_pairs(section.request_attributes)
        client = section.client_information
        if client is None:
            return
        yield write.request_client_info(client.machine, client.user, client.process)
        if client.cryptographic_service_provider is not None:
            yield write.csp_provider(client.cryptographic_service_provider)
        if client.os_version is not None:
            yield write.os_version(client.os_version)

    def _extensions(self, section: RequestSection) -> Iterator[bytes]:
        yield from self._template_extensions(section.template)
        if names := section.general_names():
            yield write.subject_alternative_name(names)
        if section.key_usage:
            yield write.key_usage(section.key_usage)
        if section.extended_key_usage:
            yield write.extended_key_usage(section.extended_key_usage)
        if section.application_policies:
            yield write.policies(oids.APPLICATION_CERT_POLICIES, section.application_policies)
        if section.certificate_policies:
            yield write.policies(oids.CERTIFICATE_POLICIES, section.certificate_policies)
        if section.basic_constraints_ca is not None:
            yield write.basic_constraints(ca=section.basic_constraints_ca)
        if section.security_identifier is not None:
            yield write.security_identifier(section.security_identifier)
        for oid, value in section.extensions.items():
            yield write.extension(oid, bytes.fromhex(value))

    def _template_extensions(self, template: TemplateChoice) -> Iterator[bytes]:
        match template:
            case None:
                yield write.certificate_template_name(self._template.name)
            case str():
                yield write.certificate_template_name(template)
            case TemplateNaming():
                if template.name is not None:
                    yield write.certificate_template_name(template.name)
                if template.oid is not None:
                    yield write.certificate_template_oid(template.oid)

    def _certificate(self, section: CertificateSection) -> Signer:
        self._serial_number += 1
        end = self._now - timedelta(days=1) if section.is_expired else self._now + _YEAR
        return issue(
            subject=write.name(section.subject_fields()),
            key=self._keys(_SIGNERS_KEY, "signer"),
            serial_number=self._serial_number,
            not_before=end - _YEAR - timedelta(days=1),
            not_after=end,
            extensions=[*self._certificate_extensions(section)],
            issuer=self._authority(section),
        )

    def _certificate_extensions(self, section: CertificateSection) -> Iterator[bytes]:
        template = section.template
        # A certificate names its template by number, if the template has one.
        is_numbered = template is None and self._template.oid is not None
        yield from self._template_extensions(TemplateNaming(oid=self._template.oid) if is_numbered else template)
        if names := section.general_names():
            yield write.subject_alternative_name(names)
        if section.extended_key_usage:
            yield write.extended_key_usage(section.extended_key_usage)
        if section.certificate_policies:
            yield write.policies(oids.CERTIFICATE_POLICIES, section.certificate_policies)
        if section.security_identifier is not None:
            yield write.security_identifier(section.security_identifier)

    def _authority(self, section: CertificateSection) -> Signer:
        """The issuer: an untrusted one has the name, but another key."""
        return issue(
            subject=write.name_from_text(section.issuer),
            key=self._keys(_SIGNERS_KEY, "stranger" if section.is_untrusted else "authority"),
            serial_number=1,
            not_before=self._now - _LIFE_OF_AN_AUTHORITY,
            not_after=self._now + _LIFE_OF_AN_AUTHORITY,
            extensions=[write.basic_constraints(ca=True), write.key_usage(_AUTHORITYS_USAGES)],
        )


def _shown(facts: RequesterFacts) -> CertificateSection | None:
    if facts.issuer is None:
        return facts.certificate
    return (facts.certificate or CertificateSection()).model_copy(update={"issuer": facts.issuer})
