"""Kerberos, as the gateway's own account in one or several realms: MIT's libraries behind values and typed errors.

Needs the extra `kerberos` (python-gssapi, krb5); nothing else of the program imports those. Nothing here decides who
may be impersonated: whatever acts in somebody's name takes an `Admitted`, which only the guard makes.
"""
