from gateway.protocol.hresult import HResult


def test_an_hresult_is_signed_where_the_schema_wants_an_int() -> None:
    """[MS-WSTEP] 3.1.4.1.3.7: ErrorCode is an xs:int."""
    assert HResult.CERTSRV_E_TEMPLATE_DENIED.signed == -2146877422


def test_an_hresult_prints_as_documents_print_it() -> None:
    assert str(HResult.E_INVALIDARG) == "0x80070057"
