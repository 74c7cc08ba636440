from gateway.protocol.namespaces import ATTRIBUTES, ELEMENTS, SOAP, WSSE


def test_names_are_looked_up_as_expat_spells_them() -> None:
    assert ELEMENTS[f"{SOAP}}}Body"] == f"{{{SOAP}}}Body"
    assert ATTRIBUTES[f"{WSSE}}}Type"] == f"{{{WSSE}}}Type"
    assert ATTRIBUTES["Type"] == "Type"
