"""The XML namespaces of the messages, and every name in them that the gateway understands.

The vocabulary is closed: `gateway.protocol.xml` admits no other name to an element tree.
"""

from collections.abc import Iterator

SOAP = "http://www.w3.org/2003/05/soap-envelope"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
"""Known in order to be refused by its name."""
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
AUTH = "http://schemas.xmlsoap.org/ws/2006/12/authorization"
WSTEP = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"
XCEP = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"
DISPATCHER = "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
"""Of WCF's own fault codes; stands in QNames only, never in an element's name."""

UNKNOWN = "{urn:ces-gateway:unknown}element"
"""What each element outside of the vocabulary is called; its attribute `name` says what it was, as Expat spells it."""

_ELEMENTS = {
    SOAP: "Envelope Header Body Fault Code Subcode Value Reason Text Detail",
    SOAP11: "Envelope",
    WSA: "Action MessageID RelatesTo To ReplyTo Address",
    WSSE: "Security UsernameToken Username Password Nonce BinarySecurityToken SecurityTokenReference Reference",
    WSU: "Timestamp Created Expires",
    WST: "RequestSecurityToken TokenType RequestType RequestKET RequestSecurityTokenResponseCollection"
    " RequestSecurityTokenResponse RequestedSecurityToken KeyExchangeToken",
    AUTH: "AdditionalContext ContextItem Value",
    WSTEP: "DispositionMessage RequestID CertificateEnrollmentWSDetail BinaryResponse ErrorCode InvalidRequest",
    XCEP: "GetPolicies client lastUpdate preferredLanguage requestFilter policyOIDs oid clientVersion serverVersion"
    " GetPoliciesResponse response policyID policyFriendlyName nextUpdateHours policiesNotChanged policies policy"
    " policyOIDReference cAs cAReference attributes commonName policySchema certificateValidity validityPeriodSeconds"
    " renewalPeriodSeconds permission enroll autoEnroll privateKeyAttributes minimalKeyLength keySpec keyUsageProperty"
    " permissions algorithmOIDReference cryptoProviders provider revision majorRevision minorRevision"
    " supersededPolicies privateKeyFlags subjectNameFlags enrollmentFlags generalFlags hashAlgorithmOIDReference"
    " rARequirements rASignatures rAEKUs rAPolicies oIDReference keyArchivalAttributes symmetricAlgorithmOIDReference"
    " symmetricAlgorithmKeyLength extensions extension critical value cA uris cAURI clientAuthentication uri priority"
    " renewalOnly certificate enrollPermission cAReferenceID oIDs oID group oIDReferenceID defaultName",
}

_ATTRIBUTES = {
    None: "Type ValueType EncodingType URI Name PreferredLanguage",
    SOAP: "mustUnderstand",
    WSSE: "Type",
    XML: "lang",
    XSI: "nil",
}


def _names(table: dict[str, str] | dict[str | None, str]) -> Iterator[tuple[str, str]]:
    for namespace, local_names in table.items():
        for local in local_names.split():
            yield (f"{namespace}}}{local}", f"{{{namespace}}}{local}") if namespace else (local, local)


ELEMENTS = dict(_names(_ELEMENTS))
"""Expat's spelling of a known element (`namespace}local`) to lxml's (`{namespace}local`)."""
ATTRIBUTES = dict(_names(_ATTRIBUTES))
"""As ELEMENTS, for attributes; those without a namespace are spelled alike."""
