"""Who is calling: WS-Security UsernameToken and TLS client certificate, and the account they stand for.

An authenticator is a callable of the port in `gateway.enrollment`: it returns a Requester or raises NotAuthenticated.
"""
