"""The closed sets that label values come from: never anything that a client sent."""

from enum import StrEnum


class HandshakeFailure(StrEnum):
    """Why a TLS handshake did not complete."""

    CLIENT_CERTIFICATE_UNTRUSTED = "client_certificate_untrusted"
    CLIENT_CERTIFICATE_EXPIRED = "client_certificate_expired"
    """Or not valid yet."""
    CLIENT_CERTIFICATE_MISSING = "client_certificate_missing"
    SERVER_CERTIFICATE_REFUSED = "server_certificate_refused"
    """The client said so in its alert: it does not trust the gateway's certificate."""
    TIMEOUT = "timeout"
    NOT_TLS = "not_tls"
    PROTOCOL = "protocol"
    """No common version or cipher, malformed or unexpected messages."""
    RESET = "reset"
    """The client went away."""
    OTHER = "other"


class ConnectionRefusal(StrEnum):
    """Why a connection was closed as soon as it was accepted."""

    TOO_MANY = "too_many"
    TOO_MANY_OF_ADDRESS = "too_many_of_address"


class HttpRefusalReason(StrEnum):
    """Why a request was answered by the HTTP server itself, without any service having seen it."""

    BAD_REQUEST = "bad_request"
    HEADER_TIMEOUT = "header_timeout"
    UNKNOWN_PATH = "unknown_path"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    EXPECTATION_FAILED = "expectation_failed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNSUPPORTED_CONTENT_ENCODING = "unsupported_content_encoding"
    BODY_MISSING = "body_missing"
    BODY_INCOMPLETE = "body_incomplete"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TIMEOUT = "body_timeout"
    RATE_LIMITED = "rate_limited"
    """By an address that has used up its budget; a service tells it by a fault."""
    STATE_UNAVAILABLE = "state_unavailable"
    INTERNAL = "internal"
    """The service broke its contract and raised."""


class PolicyOutcome(StrEnum):
    """What the policies made of an application."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    AUDITED = "audited"
    """It went through, since its policy is on trial; enforced, it would have refused."""
    UNMATCHED = "unmatched"
    """No policy is for the template; refused."""


class RealmPart(StrEnum):
    """What a realm's services depend on."""

    KDC = "kdc"
    OWN_ACCOUNT = "own_account"
    """And its keytab."""
    DIRECTORY = "directory"
