"""A throw-away enterprise CA: it judges requests by template, issues certificates and keeps a table of requests.

In the order of [MS-WCCE] 3.2.2.6.2.1.4: template, its version, the caller's permission, then the certificate. It reads
the template from every place that a real CA reads, and takes the subject of an offline template as it comes.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum

from cryptography import x509

from gateway.lab import attributes as request_attributes
from gateway.lab import certification_request, cmc, exchange, issuance, revocation, signatures
from gateway.lab.accounts import Account, find_account
from gateway.lab.certification_request import CertificationRequest
from gateway.lab.cmc import CMCStatus, Signer
from gateway.lab.denial import Denial, RequestUnreadable
from gateway.lab.hresult import HResult
from gateway.lab.issuance import Issue, Unissuable
from gateway.lab.templates import TEMPLATES, CertificateTemplate

PENDING_MESSAGE = "Taken Under Submission"


class Disposition(Enum):
    """Request_Disposition ([MS-CSRA] 3.1.1.1.1)."""

    ISSUED = "certificate issued"
    PENDING = "request pending"
    DENIED = "request denied"
    FAILED = "request failed"


_CMC_STATUS = {
    Disposition.ISSUED: CMCStatus.SUCCESS,
    Disposition.PENDING: CMCStatus.PENDING,
    Disposition.DENIED: CMCStatus.FAILED,
    Disposition.FAILED: CMCStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One row of the CA's request table."""

    ca_name: str
    request_id: int
    disposition: Disposition
    disposition_message: str
    status: HResult
    """S_OK for an issued or pending request; else why not."""
    requester: Account
    request: bytes
    """The DER that was submitted."""
    attributes: str
    """Request attributes as CES passed them: lines of Name:Value."""
    submitted_at: datetime
    template: str | None
    certificate: x509.Certificate | None
    requester_name: str | None = None
    """For whom an enrollment agent wanted it."""


class NoSuchRequest(Exception):
    """The table has no row of that number, or the row's state does not allow what is asked."""

    def __init__(self, hresult: HResult) -> None:
        super().__init__(hresult.text)
        self.hresult = hresult


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CertificationAuthority:
    """One issuing CA. `requests` is its table, by request id."""

    def __init__(
        self,
        name: str,
        signer: Signer,
        templates: Iterable[CertificateTemplate] = TEMPLATES,
        *,
        first_request_id: int = 1,
        accounts: Callable[[str], Account | None] = find_account,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`templates` are those it publishes; others of the forest it knows, but does not support. `accounts` finds
        those that enrollment agents name.
        """
        self.name = name
        self.signer = signer
        self.templates = tuple(templates)
        self.requests: dict[int, RequestRow] = {}
        self.revoked: dict[int, datetime] = {}
        """Since when, by serial number."""
        self._forest = tuple(dict.fromkeys((*self.templates, *TEMPLATES)))
        self._next_request_id = first_request_id
        self._accounts = accounts
        self._clock = clock
        self._revocation_lists = 0
        self._exchange_certificate: x509.Certificate | None = None

    def submit(
        self, request: bytes, attributes: str, requester: Account, *, renews_on_behalf: bool = False
    ) -> RequestRow:
        """Judge a request (PKCS#10, CMS or CMC) in the caller's name and put the outcome into the table.

        `renews_on_behalf` is 0x00200000 in dwFlags: the key that signed is all the authentication there is, and nobody
        asks who calls ([MS-WCCE] 3.2.2.6.2.1.2.4; this CA has EDITF_ENABLERENEWONBEHALFOF).
        """
        request_id, self._next_request_id = self._next_request_id, self._next_request_id + 1
        received = RequestRow(
            ca_name=self.name,
            request_id=request_id,
            disposition=Disposition.FAILED,
            disposition_message="",
            status=HResult.S_OK,
            requester=requester,
            request=request,
            attributes=attributes,
            submitted_at=self._clock(),
            template=None,
            certificate=None,
        )
        self.requests[request_id] = row = self._judge(received, renews_on_behalf=renews_on_behalf)
        return row

    def retrieve(self, request_id: int) -> RequestRow:
        """The row of that number, whoever asks: like a real CA, this one does not compare the callers.

        Raises NoSuchRequest.
        """
        if request_id == 0:
            raise NoSuchRequest(HResult.CERTSRV_E_PROPERTY_EMPTY)
        if request_id not in self.requests:
            raise NoSuchRequest(HResult.CERTSRV_E_NO_REQUEST)
        return self.requests[request_id]

    def resolve(self, request_id: int, *, issue: bool = True) -> RequestRow:
        """What the certificate manager does to a pending request: issue or deny it. Raises NoSuchRequest."""
        row = self.retrieve(request_id)
        if row.disposition is not Disposition.PENDING:
            raise NoSuchRequest(HResult.CERTSRV_E_BAD_REQUESTSTATUS)
        if issue:
            wanted = certification_request.read(row.request)
            resolved = self._issue(row, self._issue_of(self._template_of(wanted, row.attributes), wanted, row))
        else:
            resolved = replace(
                row,
                disposition=Disposition.DENIED,
                disposition_message="Denied by Administrator",
                status=HResult.CERTSRV_E_ADMIN_DENIED_REQUEST,
            )
        self.requests[request_id] = resolved
        return resolved

    def revoke(self, serial_number: int) -> None:
        """From now on it is on every list, and good for nothing here."""
        self.revoked.setdefault(serial_number, self._clock().replace(microsecond=0))

    def revocation_list(self) -> x509.CertificateRevocationList:
        """A new one, of all that is revoked."""
        self._revocation_lists += 1
        return revocation.revocation_list(self.signer, self.revoked, self._clock(), self._revocation_lists)

    def exchange_certificate(self) -> x509.Certificate:
        """To whose key clients encrypt private keys for the archive: the current one, or a new one where it is over
        ([MS-WCCE] 3.2.1.4.3.2.15). Unlike a real CA, this one keeps it in no row of the table.
        """
        now = self._clock()
        current = self._exchange_certificate
        if current is None or not current.not_valid_before_utc <= now <= current.not_valid_after_utc:
            request_id, self._next_request_id = self._next_request_id, self._next_request_id + 1
            current = exchange.certificate(self.signer, self.name, _serial_number(request_id), now)
            self._exchange_certificate = current
        return current

    def full_response(self, row: RequestRow) -> bytes:
        """The CMC full PKI response that tells the row's state."""
        pending = row.disposition is Disposition.PENDING
        return cmc.full_pki_response(
            self.signer,
            _CMC_STATUS[row.disposition],
            row.disposition_message,
            issued=row.certificate,
            pending=cmc.pend_info(row.request_id, row.submitted_at) if pending else None,
        )

    def _judge(self, row: RequestRow, *, renews_on_behalf: bool) -> RequestRow:
        try:
            wanted = certification_request.read(row.request)
        except RequestUnreadable as error:
            message = f"Error Parsing Request  {error.hresult}, {error.hresult.text}\r\n"
            return replace(row, disposition_message=message, status=error.hresult)
        try:
            template = self._template_of(wanted, row.attributes)
            row = replace(row, template=template.common_name, requester_name=wanted.requester_name)
            _verify_version(template, wanted)
            issue = self._issue_of(template, wanted, row)
            if renews_on_behalf:
                _verify_end_entity(issue)
            _verify_enrollment(issue, row.requester)
            if template.pends_requests and issue.approved_by is None:
                return replace(row, disposition=Disposition.PENDING, disposition_message=PENDING_MESSAGE)
            return self._issue(row, issue)
        except (Denial, Unissuable) as error:
            message = f"Denied by Policy Module  {error.hresult}, {error}\r\n"
            return replace(row, disposition=Disposition.DENIED, disposition_message=message, status=error.hresult)

    def _template_of(self, request: CertificationRequest, attributes: str) -> CertificateTemplate:
        """The one template that every identifier stands for ([MS-WCCE] 3.2.2.6.2.1.4.1). Raises Denial."""
        names = (*request.template_names, *_template_attributes(attributes))
        if not names and not request.template_oids:
            raise Denial(
                HResult.CERTSRV_E_NO_CERT_TYPE,
                "The request does not contain a certificate template extension or the CertificateTemplate request"
                " attribute.",
            )
        identified = [
            *(self._by_name(name) for name in names),
            *(self._by_oid(template.template_id) for template in request.template_oids),
        ]
        distinct = {template.common_name: template for template in identified}
        if len(distinct) > 1:
            conflict = "/".join(distinct)
            raise Denial(
                HResult.CERTSRV_E_TEMPLATE_CONFLICT,
                f"The request specifies conflicting certificate templates: {conflict}.",
            )
        (template,) = distinct.values()
        if template not in self.templates:
            raise _unsupported(template.common_name)
        return template

    def _issue_of(self, template: CertificateTemplate, request: CertificationRequest, row: RequestRow) -> Issue:
        """For whom, and whether by an old certificate that was approved. Raises Denial."""
        for signer in request.signers:
            self._verify_signer(signer)
        if request.renewal_certificate is not None:
            signatures.verify_template(request.renewal_certificate, template)
        is_approved = signatures.is_approved(template, request, row.requester)
        account = self._account_of(template, request, row.requester)
        return Issue(template, request, account, request.renewal_certificate if is_approved else None)

    def _verify_signer(self, certificate: x509.Certificate) -> None:
        """This lab has no trust but its own: who signs has a certificate of this CA, valid now."""
        signatures.verify_issuer(certificate, self.signer.certificate)
        if not certificate.not_valid_before_utc <= self._clock() <= certificate.not_valid_after_utc:
            raise Denial(HResult.CERT_E_EXPIRED)
        if certificate.serial_number in self.revoked:
            raise Denial(HResult.CRYPT_E_REVOKED)

    def _account_of(self, template: CertificateTemplate, request: CertificationRequest, requester: Account) -> Account:
        """The caller, or whom enrollment agents name; the subject of an offline template is the request's all the
        same.
        """
        if request.requester_name is None:
            return requester
        signatures.verify_agents(request)
        if template.supplies_subject:
            return requester
        account = self._accounts(request.requester_name)
        if account is None:
            raise Denial(HResult.CERTSRV_E_BAD_REQUESTSUBJECT)
        return account

    def _by_name(self, name: str) -> CertificateTemplate:
        for template in self._forest:
            if template.common_name.casefold() == name.casefold():
                return template
        raise _unsupported(name)

    def _by_oid(self, oid: x509.ObjectIdentifier) -> CertificateTemplate:
        for template in self._forest:
            if template.oid == oid:
                return template
        raise _unsupported(oid.dotted_string)

    def _issue(self, row: RequestRow, issue: Issue) -> RequestRow:
        serial_number = _serial_number(row.request_id)
        certificate = issuance.sign_certificate(issue, self.signer, self.name, serial_number, self._clock())
        message = "Issued"
        if issuance.lacks_mail(issue.template, issue.account):
            message = (
                f"Issued  {HResult.CERTSRV_E_PROPERTY_EMPTY}, The Enrollee ({issue.account.distinguished_name}) has no"
                " E-Mail name registered in the Active Directory.  The E-Mail name will not be included in the"
                " certificate.\r\n"
            )
        return replace(row, disposition=Disposition.ISSUED, disposition_message=message, certificate=certificate)


def _unsupported(identifier: str) -> Denial:
    return Denial(
        HResult.CERTSRV_E_UNSUPPORTED_CERT_TYPE,
        "The request was for a certificate template that is not supported by the Active Directory Certificate Services"
        f" policy: {identifier}.",
    )


def _template_attributes(attributes: str) -> list[str]:
    """Every CertificateTemplate among lines of Name:Value ([MS-WCCE] 3.2.1.4.2.1.2)."""
    pairs = (line.partition(":") for line in attributes.split("\n"))
    return [value.strip() for name, _, value in pairs if request_attributes.normalise(name) == "certificatetemplate"]


def _verify_version(template: CertificateTemplate, request: CertificationRequest) -> None:
    """[MS-WCCE] 3.2.2.6.2.1.4.2, which compares each number for itself."""
    if template.policy_schema == 1:
        return
    for asked_for in request.template_oids:
        if (asked_for.major_version or 0) > template.major_revision or (
            asked_for.minor_version or 0
        ) > template.minor_revision:
            raise Denial(HResult.CERTSRV_E_BAD_TEMPLATE_VERSION)


def _verify_end_entity(issue: Issue) -> None:
    """[MS-WCCE] 3.2.2.6.2.1.2.4: the one who has the old certificate. This lab knows nobody by it who would have a
    permission, so that the template must not ask for one.
    """
    if issue.request.renewal_certificate is None:
        raise Denial(HResult.CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE)
    if issue.approved_by is None or not issue.template.renews_by_key:
        raise Denial(HResult.CERTSRV_E_TEMPLATE_DENIED)


def _verify_enrollment(issue: Issue, requester: Account) -> None:
    """[MS-WCCE] 3.2.2.6.2.1.4.3 and 3.2.2.6.2.1.4.5.2; the key's size is not checked for version 1 templates."""
    template = issue.template
    renews_by_key = issue.approved_by is not None and template.renews_by_key
    if not renews_by_key and not template.may_enroll(requester.groups):
        raise Denial(HResult.CERTSRV_E_TEMPLATE_DENIED)
    if template.policy_schema > 1 and issue.request.public_key.key_size < template.minimal_key_length:
        raise Denial(HResult.CERTSRV_E_KEY_LENGTH)
    if template.refusal is not None:
        raise Denial(template.refusal)


def _serial_number(request_id: int) -> int:
    """As AD CS makes them: a random byte, the request id, eight random bytes, the CA's key index, the id again."""
    number = request_id.to_bytes(4, "big")
    # The first byte stays below 0x80, or DER would put a zero before it, and above zero, or it would vanish.
    first = bytes((0x10 + secrets.randbelow(0x70),))
    return int.from_bytes(first + number + secrets.token_bytes(8) + bytes(2) + number, "big")
