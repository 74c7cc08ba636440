"""The directory: from a name, a SID or an altSecurityIdentities value to one account, fresh in every call.

Needs the extra `kerberos` (bonsai); nothing else of the program imports it.
"""
