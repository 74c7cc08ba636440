import pytest

from gateway.redaction import redactor

redact = redactor(["ces.corp.fabrikam.example", "cep.corp.fabrikam.example", "localca", "ca.local"])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Issued", "Issued"),
        ("asked dc01.corp.fabrikam.example twice", "asked (internal) twice"),
        ("CES.CORP.FABRIKAM.EXAMPLE said no", "(internal) said no"),
        ("corp.fabrikam.example\\alice", "(internal)\\alice"),
        ("see https://pki.other.example/x for more", "see (internal) for more"),
        ("copied to \\\\fileserver\\certs$ today", "copied to (internal) today"),
        ("localca is down", "(internal) is down"),
        ("the local ca.local is down", "the local (internal) is down"),
        ("fabrikam.example is public", "fabrikam.example is public"),
        ("0x80094012 (-2146877422 CERTSRV_E_TEMPLATE_DENIED)", "0x80094012 (-2146877422 CERTSRV_E_TEMPLATE_DENIED)"),
    ],
)
def test_names_of_the_inside_are_masked_and_the_rest_stays(text: str, clean: str) -> None:
    assert redact(text) == clean
