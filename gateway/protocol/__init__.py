"""Bytes to messages and back: SOAP 1.2, WS-Addressing, WS-Security, [MS-WSTEP], [MS-XCEP], and SPNEGO's tokens.

No I/O and no policy. A parser returns a frozen value or raises `gateway.errors.MalformedMessage`, for the wsse:Security
header `SecurityHeaderInvalid`, for a client's token `NegotiateTokenMalformed` or `NtlmRefused`, and nothing else.
"""
