from base64 import encodebytes
from pathlib import Path

import pytest

from gateway.errors import MalformedMessage
from gateway.trial.submission import Submission, read_submission

SOAP = Path(__file__).parents[2] / "vectors" / "soap"


@pytest.mark.parametrize("label", ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "PKCS7", "CMC"])
def test_pem_of_any_label_is_what_is_in_it(label: str) -> None:
    pem = f"\n-----BEGIN {label}-----\r\n{encodebytes(b'a request' * 20).decode()}-----END {label}-----\n\n"

    assert read_submission(pem.encode()) == Submission(b"a request" * 20)


def test_der_is_taken_as_it_is() -> None:
    assert read_submission(b"\x30\x00") == Submission(b"\x30\x00")


def test_a_captured_message_is_taken_with_its_context() -> None:
    captured = read_submission((SOAP / "capture-certreq-ws2025-RST-issue-PKCS10.xml").read_bytes())

    assert captured.der.startswith(b"\x30\x82")
    assert "CertificateTemplate" in [item.name for item in captured.additional_context]


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN A-----\nAAAA\n",
        b"-----BEGIN A-----\nAAAA\n-----END A-----\n-----BEGIN A-----\nAAAA\n-----END A-----\n",
        b"-----BEGIN A-----\nAAA\n-----END A-----\n",
        b"<html/>",
        (SOAP / "spec-wstep-4.1.3.1-RST-QueryTokenStatus.xml").read_bytes(),
    ],
)
def test_what_is_none_of_these_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_submission(content)
