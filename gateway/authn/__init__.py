"""Who is calling: WS-Security UsernameToken and TLS client certificate, and the account they stand for."""
