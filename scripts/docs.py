"""Write docs/errors.md from the table in gateway/faults.py; `--check` only compares."""

import sys
from pathlib import Path

from gateway.faults import FAULTS, INTERNAL, Fault

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"

HEAD = """\
# Errors

Made from the table in `gateway/faults.py` by `scripts/docs.py`; a test compares.

Every SOAP fault is on HTTP 500, and its text ends with the call id, under which the audit record has the cause.
The HRESULT is in `CertificateEnrollmentWSDetail` where the fault has no subcode; for the others only the audit record
names it.
A refusal by policy (`not_permitted`) has the HRESULT of what is wrong: 0x80094811 for keys, 0x800B0114 for names, else
0x80094012.
`upstream_refused` keeps the CA's own HRESULT and text where the CA gave them.

| reason (audit, metrics) | error | code | HRESULT | the client reads |
| --- | --- | --- | --- | --- |
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

A client certificate that does not verify ends the TLS handshake with an alert, and leaves `handshake_failed` in the
audit record with `client_certificate_untrusted`, `client_certificate_expired` or `client_certificate_missing`.
"""


def errors_page() -> str:
    """The whole page."""
    rows = [_row(cls.__name__, fault) for cls, fault in FAULTS.items()]
    rows.append(_row("anything else", INTERNAL))
    return HEAD + "".join(rows) + HTTP


def _row(error: str, fault: Fault) -> str:
    code = fault.code[1] + (f" / {fault.subcode[1]}" if fault.subcode else "")
    return f"| `{fault.reason}` | {error} | {code} | {fault.hresult} {fault.hresult.name} | {fault.text} |\n"


def main() -> int:
    """0 if the page is what it must be."""
    if "--check" in sys.argv:
        return int(PAGE.read_text(encoding="utf-8") != errors_page())
    PAGE.write_text(errors_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
