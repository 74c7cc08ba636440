"""What a throw-away Active Directory domain is made of; see `gateway.lab.domain` for the domain itself.

`provision` and `live` are programs of their own: they run under Debian's Python, the one that has Samba's bindings.
"""
