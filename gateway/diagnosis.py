"""What an operator does about a refusal: stable ids, which the audit record names and docs/diagnosis.md explains.

D01 to D40 are the catalogue of what goes wrong with CEP and CES themselves; here stand those that the gateway can tell.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One cause as the gateway sees it, and what to do."""

    symptom: str
    remedy: str


DIAGNOSES: dict[str, Diagnosis] = {
    "D16": Diagnosis(
        "The gateway's keytab cannot be read, or has no key of its account.",
        "`klist -kte FILE` as the gateway's user: is the account's name there, as `account` says it, with AES keys?",
    ),
    "D17": Diagnosis(
        "The KDC knows no single account with the internal service's SPN (KDC_ERR_S_PRINCIPAL_UNKNOWN).",
        "`setspn -Q SPN` and `setspn -X`; set `service_principal_name` where the SPN is not HTTP/ and the URL's host.",
    ),
    "D18": Diagnosis(
        "A client's ticket does not decrypt: it is for another SPN or key version than the keytab has, or has expired.",
        "Compare the kvno of `klist -kt FILE` with msDS-KeyVersionNumber. Whose is the SPN HTTP/ with the public host?",
    ),
    "D19": Diagnosis(
        "The clocks of gateway and KDC are more than five minutes apart (KRB_AP_ERR_SKEW).",
        "Synchronise the gateway's clock with the domain's (chronyc tracking, w32tm /query /status).",
    ),
    "D22": Diagnosis(
        "The internal service's SPN is not in msDS-AllowedToDelegateTo of the gateway's account (KDC_ERR_BADOPTION).",
        "Add exactly the SPN of the detail, port and short name included, to the account's delegation list.",
    ),
    "D23": Diagnosis(
        "The requester would be the gateway's own account.",
        "Nobody outside may be that; for renewal-only services use the transition own_account.",
    ),
    "D25": Diagnosis(
        "A client certificate that TLS trusts leads to no account, or to several.",
        "The detail has each rule's objection, and what a rule or altSecurityIdentities for it would say (KB5014754).",
    ),
    "D41": Diagnosis(
        "The directory has no such account.", "Who calls, and under which name? Compare the mapping rule."
    ),
    "D42": Diagnosis(
        "More than one account could be meant by the name or by altSecurityIdentities.",
        "Find the other one (`Get-ADObject -LDAPFilter`), and take the double value away from it.",
    ),
    "D43": Diagnosis("The account is disabled.", "`Get-ADUser NAME -Properties Enabled`; enable it if it should be."),
    "D44": Diagnosis(
        "The account is locked out by wrong passwords, which were not tried through this gateway.",
        "`Search-ADAccount -LockedOut`; event 4740 names the machine that they came from.",
    ),
    "D45": Diagnosis("The account has expired.", "`Set-ADAccountExpiration`, if it should still be used."),
    "D46": Diagnosis(
        "The password has expired, or must be changed at the next logon.",
        "The user changes it on a domain machine; the gateway offers no way to.",
    ),
    "D47": Diagnosis(
        "The password is wrong.", "Many of them from one peer are guesses: see `peer` in the audit record."
    ),
    "D48": Diagnosis(
        "One more wrong password could lock the account, so that it was not tried.",
        "Wait for the domain's observation window to pass; logging on inside resets only what was counted there.",
    ),
    "D49": Diagnosis(
        "The account is outside what the gateway may act for.",
        "If it should be inside: put it into one of the groups, OUs or suffixes of `impersonation`.",
    ),
    "D50": Diagnosis(
        "The account is, or was, an administrator's (adminCount, an administrative group, a domain controller).",
        "It never enrolls through the gateway. An adminCount left over from former times: clear it, and see SDProp.",
    ),
    "D51": Diagnosis(
        "The account is marked sensitive (NOT_DELEGATED).",
        "It never enrolls through the gateway: somebody has decided so. If not, clear the flag in its properties.",
    ),
    "D52": Diagnosis("The account is a member of Protected Users.", "It never enrolls through the gateway."),
    "D54": Diagnosis(
        "The gateway's account is not trusted for delegation with protocol transition, or not at all.",
        'Set "Use any authentication protocol" (TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION) for protocol_transition.',
    ),
    "D55": Diagnosis(
        "The KDC does not accept the gateway's keytab: its password was changed. It is not tried again with this file.",
        "Export a new keytab (ktpass /crypto AES256-SHA1, or samba-tool) and put it in place: no restart is needed.",
    ),
    "D57": Diagnosis(
        "The gateway's own account is unknown, disabled, locked or expired.",
        "`Get-ADUser ACCOUNT -Properties Enabled,LockedOut,AccountExpirationDate`.",
    ),
    "D58": Diagnosis("No KDC accepts a connection.", "TCP port 88 from the gateway to every address in `kdcs`."),
    "D59": Diagnosis(
        "A KDC accepts connections, but does not answer in time.",
        "A firewall that swallows packets, or a domain controller in trouble; `kdc_seconds` is the patience.",
    ),
    "D60": Diagnosis(
        "No LDAP server of the realm answers, or none accepts the gateway's ticket.",
        "TCP port 389 to every address in `directory.servers`; names as in their ldap/ SPN; the detail has the error.",
    ),
    "D61": Diagnosis(
        "The client sent NTLM.",
        "It got no ticket for the gateway: is HTTP/ with the public host an SPN (`setspn -Q`)? Is the zone Intranet?",
    ),
    "D62": Diagnosis(
        "A Negotiate token that cannot be read.", "Which software sent it? `peer` is in the audit record."
    ),
    "D63": Diagnosis(
        "The very same ticket authenticator came twice.",
        "A proxy that repeats requests, or somebody who replays one that he has read.",
    ),
    "D64": Diagnosis(
        "The client did not bind its token to the TLS connection.",
        "Update the client (cepces 0.3.10), or set `channel_bindings: when_present` for this service.",
    ),
    "D65": Diagnosis(
        "The client's token is bound to another TLS certificate than the gateway's.",
        "Does a proxy or balancer terminate TLS before the gateway? Then `channel_bindings: off`. Else it was relayed.",
    ),
    "D66": Diagnosis(
        "The client's ticket cannot be passed on: it is not forwardable.",
        "Is the user sensitive or protected? MIT clients, cepces too: `forwardable = true` in krb5.conf; kinit anew.",
    ),
    "D67": Diagnosis(
        "The internal service answers 401 to a valid ticket.",
        "Whose is the SPN (useAppPoolCredentials)? Is Negotiate offered? Does Extended Protection see the certificate?",
    ),
    "D68": Diagnosis("Kerberos failed for another reason.", "The detail has the library's code and text."),
    "D69": Diagnosis(
        "The internal service did not prove that it has the key of its SPN.",
        "Does something between answer in its place?",
    ),
    "D70": Diagnosis(
        "The KDC means another account by the name than the directory did a moment before.",
        "Renamed meanwhile (event 4781)? Domain controllers out of step? If neither, an attack as in CVE-2021-42278.",
    ),
    "D71": Diagnosis(
        "The CA has issued a certificate that is not what was approved. It was not handed out, but it exists.",
        "The line `withheld` has it: `certutil -revoke` it, and compare template, policy and CA field by field.",
    ),
}
"""By id."""
