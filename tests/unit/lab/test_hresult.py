"""HRESULTs in the three ways they are written."""

import pytest

from gateway.lab.hresult import HResult


@pytest.mark.parametrize(
    ("hresult", "signed", "text"),
    [
        (HResult.E_INVALIDARG, -2147024809, "0x80070057"),
        (HResult.CERTSRV_E_TEMPLATE_DENIED, -2146877422, "0x80094012"),
        (HResult.CERTSRV_E_SUBJECT_EMAIL_REQUIRED, -2146875374, "0x80094812"),
        (HResult.S_OK, 0, "0x00000000"),
    ],
)
def test_an_hresult_is_unsigned_in_text_and_signed_in_xml(hresult: HResult, signed: int, text: str) -> None:
    assert (hresult.signed, str(hresult)) == (signed, text)
