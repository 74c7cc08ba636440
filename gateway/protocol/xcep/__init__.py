"""[MS-XCEP]: GetPolicies and GetPoliciesResponse."""

from gateway.protocol.xcep.last_update import moment_of
from gateway.protocol.xcep.messages import (
    ACTION_GET_POLICIES,
    ACTION_GET_POLICIES_RESPONSE,
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    ClientAuthentication,
    Extension,
    GetPolicies,
    GetPoliciesResponse,
    KeyArchivalAttributes,
    OIDGroup,
    PrivateKeyAttributes,
    RARequirements,
    RequestFilter,
)
from gateway.protocol.xcep.parse import parse_get_policies, parse_get_policies_response
from gateway.protocol.xcep.render import render_get_policies, render_get_policies_response

__all__ = [
    "ACTION_GET_POLICIES",
    "ACTION_GET_POLICIES_RESPONSE",
    "CA",
    "CAURI",
    "OID",
    "Attributes",
    "CertificateEnrollmentPolicy",
    "ClientAuthentication",
    "Extension",
    "GetPolicies",
    "GetPoliciesResponse",
    "KeyArchivalAttributes",
    "OIDGroup",
    "PrivateKeyAttributes",
    "RARequirements",
    "RequestFilter",
    "moment_of",
    "parse_get_policies",
    "parse_get_policies_response",
    "render_get_policies",
    "render_get_policies_response",
]
