"""Write docs/errors.md and docs/diagnosis.md from the program's tables; `--check` only compares."""

import sys
from pathlib import Path

from gateway.diagnosis import DIAGNOSES, Diagnosis
from gateway.faults import FAULTS, INTERNAL, Fault

DOCS = Path(__file__).parent.parent / "docs"

ERRORS = """\
# Errors

Made from the table in `gateway/faults.py` by `scripts/docs.py`; a test compares.

Every SOAP fault is on HTTP 500, but for refused Negotiate tokens: there, 401 is what clients understand.
Its text ends with the call id, under which the audit record has the cause and, where there is more to say, a diagnosis.
The HRESULT is in `CertificateEnrollmentWSDetail` where the fault has no subcode; for the others only the audit record
names it.
A refusal by policy (`not_permitted`) has the HRESULT of what is wrong, where all that is wrong has the same:

| HRESULT | violations of |
| --- | --- |
| 0x80094811 CERTSRV_E_KEY_LENGTH | `key` |
| 0x800B0114 CERT_E_INVALID_NAME | `subject`, `subjectAlternativeName` |
| 0x800B0113 CERT_E_INVALID_POLICY | `extendedKeyUsage` (application policies, too), `certificatePolicies` |
| 0x80094806 CERTSRV_E_BAD_RENEWAL_SUBJECT | `renewal` |
| 0x80094809 CERTSRV_E_SIGNATURE_POLICY_REQUIRED | `onBehalfOf` |
| 0x80094810 CERTSRV_E_ARCHIVED_KEY_UNEXPECTED | `keyArchival` |
| 0x80094012 CERTSRV_E_TEMPLATE_DENIED | anything else, or several of these |

`upstream_refused` keeps the CA's own HRESULT and text where the CA gave them. `overloaded` and `rate_limited` say in
`Retry-After` when to come again; [rate-limits.md](rate-limits.md) has the limits.

| reason (audit, metrics) | error | HTTP | code | HRESULT | the client reads | diagnosis |
| --- | --- | --- | --- | --- | --- | --- |
"""

HTTP = """
What is no SOAP message at all gets a status without a body, and the call id in `X-Call-Id`:

| reason | status |
| --- | --- |
| `bad_request`: not HTTP, or a header too large | 400 |
| `body_missing`, `body_incomplete` | 400 |
| `unknown_path` | 404 |
| `method_not_allowed` | 405 |
| `header_timeout` (closed without an answer), `body_timeout` | 408 |
| `body_too_large` | 413 |
| `unsupported_media_type`, `unsupported_content_encoding` | 415 |
| `expectation_failed` | 417 |
| `rate_limited` (with Retry-After), for a path that is no service's, and for GET and HEAD | 429 |
| `state_unavailable`, for the same | 503 |

A request to a `Kerberos` service without a Negotiate credential gets 401 with `WWW-Authenticate: Negotiate`, as most
clients' first one does. That is no refusal: the audit record is silent, and `ces_gateway_challenges_total` counts it.

A client certificate that does not verify ends the TLS handshake with an alert, and leaves `handshake_failed` in the
audit record with `client_certificate_untrusted`, `client_certificate_expired` or `client_certificate_missing`.
"""


DIAGNOSIS = """\
# Diagnosis

Made from the table in `gateway/diagnosis.py` by `scripts/docs.py`; a test compares.

A refusal's line in the audit record has one of these ids as `diagnosis`, and the particulars as `detail`.
The client is told neither. [errors.md](errors.md) has all reasons, also those that explain themselves.
Ids that are missing here belong to causes that the gateway cannot see.

| id | reason | what the gateway saw | what to do |
| --- | --- | --- | --- |
"""


def errors_page() -> str:
    """The whole page."""
    rows = [_error_row(cls.__name__, fault) for cls, fault in FAULTS.items()]
    rows.append(_error_row("anything else", INTERNAL))
    return ERRORS + "".join(rows) + HTTP


def _error_row(error: str, fault: Fault) -> str:
    code = fault.code[1] + (f" / {fault.subcode[1]}" if fault.subcode else "")
    hresult = f"{fault.hresult} {fault.hresult.name}"
    diagnosis = f"[{fault.diagnosis}](diagnosis.md#{fault.diagnosis.lower()})" if fault.diagnosis else ""
    return f"| `{fault.reason}` | {error} | {fault.status} | {code} | {hresult} | {fault.text} | {diagnosis} |\n"


def diagnosis_page() -> str:
    """The whole page."""
    return DIAGNOSIS + "".join(_diagnosis_row(name, diagnosis) for name, diagnosis in sorted(DIAGNOSES.items()))


def _diagnosis_row(name: str, diagnosis: Diagnosis) -> str:
    reasons = dict.fromkeys(f"`{fault.reason}`" for fault in FAULTS.values() if fault.diagnosis == name)
    anchor = f'<a id="{name.lower()}"></a>{name}'
    return f"| {anchor} | {', '.join(reasons)} | {diagnosis.symptom} | {diagnosis.remedy} |\n"


PAGES = {DOCS / "errors.md": errors_page, DOCS / "diagnosis.md": diagnosis_page}


def main() -> int:
    """0 if the pages are what they must be."""
    if "--check" in sys.argv:
        return int(any(path.read_text(encoding="utf-8") != page() for path, page in PAGES.items()))
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
