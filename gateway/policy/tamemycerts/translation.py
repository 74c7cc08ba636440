"""A policy of TameMyCerts as a policy file of the gateway."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.pki.distinguished_name import parse_distinguished_name
from gateway.policy.tamemycerts.document import CertificateRequestPolicy, DirectoryServicesMapping, parse_policy
from gateway.policy.tamemycerts.name_rules import names_section
from gateway.policy.tamemycerts.remarks import Remarks
from gateway.policy.tamemycerts.yaml_text import Node, ToFillIn, render

RULE = "imported from TameMyCerts"

_DECIDE = "decide"
"""No key of a policy file: a file that has it is not loaded."""

_LEFT_OUT = {
    "CrlDistributionPoints": "the gateway changes nothing in certificates: the CA's own settings apply",
    "AuthorityInformationAccess": "the gateway changes nothing in certificates: the CA's own settings apply",
    "OnlineCertificateStatusProtocol": "the gateway changes nothing in certificates: the CA's own settings apply",
    "SupplementDnsNames": "the gateway adds no names: the request must bring them",
    "SupplementServicePrincipalNames": "the gateway adds no names: the request must bring them",
    "AddSidUniformResourceIdentifier": "the gateway adds no names; securityIdentifier lets the request bring the SID",
}
"""Without these a certificate has less in it, or something else that nobody judged there either."""
_STRICTER_THERE = {
    "NotAfter": "a fixed end of all certificates; validity: {maximumDays: ...} bounds their days",
    "OutboundSubject": "there the certificate's subject is replaced; here it is the request's, so that the rules on"
    " subject must allow only what may stand in a certificate",
    "OutboundSubjectAlternativeName": "there the certificate's names are replaced; here they are the request's, so that"
    " the rules on subjectAlternativeName must allow only what may stand in a certificate",
    "YubiKeyPolicies": "attestation of YubiKeys is not verified here",
    "CustomCertificateExtensions": "the gateway adds no extensions: if one of them limits the certificate, let the"
    " template or the CA add it",
    "DirectoryObjectRules": "attributes of the account; conditions know some of them",
    "MaximumPasswordAge": "the age of the account's password is not known here",
}

_IDENTITIES = {
    ("userPrincipalName", "userPrincipalName", "user"): "userPrincipalName",
    ("dNSName", "dNSHostName", "computer"): "dNSHostName",
}
"""What of a request leads to which attribute of an account of which kind: the name of the latter in conditions."""

_CURVES = {256: "secp256r1", 384: "secp384r1", 521: "secp521r1"}
_SHORTEST_RSA = 1024
"""Bits. What is shorter is the length of a key on an elliptic curve: nobody allows RSA keys of 521 bits."""
_SHORTEST_RSA_HERE = 2048
_ANY = {"regex": ".*"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a policy of TameMyCerts does not say."""

    template: str
    """There it is the name of the file."""
    oid: str | None = None
    account: str | None = None
    """Who may request: an account, or everybody below `.partner.example` or at `@partner.example`."""
    authentication: tuple[str, ...] = ()
    key_algorithm: str | None = None
    """RSA or EC."""


@dataclass(frozen=True, slots=True)
class Imported:
    text: str
    """The policy file, with `notes` and `open` as comments at its head."""
    open: tuple[str, ...]
    """What an administrator must decide or fill in before the file can be loaded."""
    notes: tuple[str, ...]
    """What is stricter than the original, or reads differently."""


def import_policy(xml: bytes, file: str, target: Target) -> Imported:
    """Raises Mistaken with every mistake in the original, which it calls `file`."""
    policy = parse_policy(xml, file)
    remarks = Remarks()
    rule = _rule(policy, target, remarks)
    content: dict[str, Node] = {
        "template": {"name": target.template, **({"oid": target.oid} if target.oid else {})},
        **({"mode": "audit"} if policy.audit_only else {}),
        "rules": [rule],
    }
    return Imported(render(content, list(_head(remarks))), remarks.open, remarks.notes)


def _head(remarks: Remarks) -> Iterator[str]:
    yield "Imported from a policy of TameMyCerts: allows nothing that the original refuses."
    yield "Key usages and extensions that requests bring must be allowed too: TameMyCerts does not judge them."
    if remarks.open:
        yield "Not loaded before this is decided or filled in:"
        yield from (f"- {text}" for text in remarks.open)
    if remarks.notes:
        yield "Stricter than the original, or read differently:"
        yield from (f"- {text}" for text in remarks.notes)


def _rule(policy: CertificateRequestPolicy, target: Target, remarks: Remarks) -> Mapping[str, Node]:
    sections = {
        "name": RULE,
        "requesters": [_requester(policy.directory_services_mapping, target, remarks)],
        "key": _key(policy, target, remarks),
        "subject": names_section("subject", policy.subject, remarks),
        "subjectAlternativeName": names_section("subjectAlternativeName", policy.subject_alternative_name, remarks),
        **_security_identifier(policy, remarks),
        "clientInformation": _client_information(policy),
        "conditions": list(_conditions(policy, remarks)),
    }
    _remark_on_others(policy, remarks)
    sections[_DECIDE] = list(remarks.to_decide)
    return {name: section for name, section in sections.items() if section}


# --- who --------------------------------------------------------------------------------------------------------------


def _requester(mapping: DirectoryServicesMapping | None, target: Target, remarks: Remarks) -> Mapping[str, Node]:
    entry: dict[str, Node] = {}
    if target.account is not None:
        is_suffix = target.account[:1] in {".", "@"}
        entry["account"] = {"suffix": target.account} if is_suffix else target.account
    if mapping is not None:
        entry |= _memberships(mapping, remarks)
    if not entry.keys() & {"account", "groups", "organizationalUnits"}:
        entry["account"] = remarks.to_fill_in(
            ToFillIn("account: who may request; or groups, organizationalUnits, partner")
        )
    entry["authentication"] = list(target.authentication) or remarks.to_fill_in(
        ToFillIn("authentication: UsernamePassword, Certificate or Kerberos")
    )
    return entry


def _memberships(mapping: DirectoryServicesMapping, remarks: Remarks) -> Iterator[tuple[str, Node]]:
    """Of the account that is named in the certificate: `_identity` makes that the requester's."""
    if mapping.allowed_security_groups:
        yield "groups", _groups("groups", mapping.allowed_security_groups, remarks)
    if mapping.disallowed_security_groups:
        yield "notGroups", _groups("notGroups", mapping.disallowed_security_groups, remarks)
    allowed = mapping.allowed_organizational_units
    if mapping.search_root:
        if allowed:
            remarks.decide("SearchRoot: organizationalUnits must be those below it, and no other")
        else:
            allowed = (mapping.search_root,)
    if allowed:
        yield "organizationalUnits", _containers("organizationalUnits", allowed, remarks)
    if mapping.disallowed_organizational_units:
        yield (
            "notOrganizationalUnits",
            _containers("notOrganizationalUnits", mapping.disallowed_organizational_units, remarks),
        )


def _groups(key: str, names: tuple[str, ...], remarks: Remarks) -> Node:
    """There by distinguished name, here by sAMAccountName or SID: the one does not tell the other."""
    return remarks.to_fill_in(ToFillIn(f"{key}: the sAMAccountName or SID of {' and '.join(names)}"))


def _containers(key: str, names: tuple[str, ...], remarks: Remarks) -> Node:
    try:
        for name in names:
            parse_distinguished_name(name)
    except ValueError as error:
        return remarks.to_fill_in(ToFillIn(f"{key}: {' and '.join(names)}: {error}"))
    return list(names)


# --- the key ----------------------------------------------------------------------------------------------------------


def _key(policy: CertificateRequestPolicy, target: Target, remarks: Remarks) -> Node:
    """The algorithm stands in the template there."""
    shortest, longest = policy.minimum_key_length, policy.maximum_key_length
    algorithm = target.key_algorithm or _algorithm(shortest, longest)
    if algorithm is None:
        return remarks.to_fill_in(ToFillIn("key: the algorithm of the template, which the original asks there"))
    if target.key_algorithm is None:
        remarks.note(f"key: taken for {algorithm}, for its length; the original asks the template")
    return _rsa(shortest, longest, remarks) if algorithm == "RSA" else _ec(shortest, longest, remarks)


def _algorithm(shortest: int, longest: int) -> str | None:
    if shortest >= _SHORTEST_RSA:
        return "RSA"
    return "EC" if shortest or 0 < longest < _SHORTEST_RSA else None


def _ec(shortest: int, longest: int, remarks: Remarks) -> Node:
    curves = [name for size, name in _CURVES.items() if shortest <= size <= (longest or size)]
    if not curves:
        return remarks.to_fill_in(ToFillIn(f"key: no curve has {shortest} to {longest} bits"))
    return [{"algorithm": "EC", "curves": curves}]


def _rsa(shortest: int, longest: int, remarks: Remarks) -> Node:
    shortest = max(shortest, _SHORTEST_RSA_HERE)
    if longest and longest < shortest:
        return remarks.to_fill_in(ToFillIn(f"key: RSA keys of at most {longest} bits are never allowed here"))
    return [{"algorithm": "RSA", "minimumKeyLength": shortest, **({"maximumKeyLength": longest} if longest else {})}]


# --- what else the request says ---------------------------------------------------------------------------------------


def _security_identifier(policy: CertificateRequestPolicy, remarks: Remarks) -> Mapping[str, Node]:
    match policy.security_identifier_extension:
        case "Deny":
            return {}
        case "Remove":
            remarks.note("SecurityIdentifierExtension Remove: the gateway removes nothing, and refuses the request")
            return {}
        case action:
            remarks.note(
                f"SecurityIdentifierExtension {action}: the request must bring the SID, and it must be the requester's"
            )
            return {"securityIdentifier": "requester"}


def _client_information(policy: CertificateRequestPolicy) -> Mapping[str, Node]:
    fields = {
        "process": (policy.allowed_processes, policy.disallowed_processes),
        "cryptographicServiceProvider": (policy.allowed_crypto_providers, policy.disallowed_crypto_providers),
    }
    return {
        field: {
            "allow": [{"exactIgnoreCase": name} for name in allowed] or [_ANY],
            **({"deny": [{"exactIgnoreCase": name} for name in denied]} if denied else {}),
            "mandatory": True,
        }
        for field, (allowed, denied) in fields.items()
        if allowed or denied
    }


def _conditions(policy: CertificateRequestPolicy, remarks: Remarks) -> Iterator[Node]:
    names = (*policy.subject, *policy.subject_alternative_name)
    if not names:
        remarks.decide(
            "there is no rule about names: of an online template, whose names the CA takes from the directory, none is"
            " needed; of an offline one the original allows nothing"
        )
    elif not policy.permit_empty_identities and not any(rule.mandatory and rule.min_length for rule in names):
        yield {
            "name": "some name",
            "expression": "size(subject) > 0 || size(subjectAlternativeName) > 0",
            "message": "the request has neither a subject nor a subjectAlternativeName",
        }
    if names and policy.directory_services_mapping is not None:
        yield from _identity(policy.directory_services_mapping, remarks)


def _identity(mapping: DirectoryServicesMapping, remarks: Remarks) -> Iterator[Node]:
    """There an account is looked up by what the request says, here the requester must be that account."""
    if mapping.action == "Deny":
        remarks.decide("DirectoryServicesMapping Deny: accounts that exist already are not looked up here")
        return
    attribute = _IDENTITIES.get(
        (mapping.certificate_attribute, mapping.directory_services_attribute, mapping.object_category)
    )
    if attribute is None:
        remarks.decide(
            f"DirectoryServicesMapping: that {mapping.certificate_attribute} is the"
            f" {mapping.directory_services_attribute} of a {mapping.object_category} in the directory"
        )
        return
    name = mapping.certificate_attribute
    remarks.note(f"DirectoryServicesMapping: the {name} must be the requester's own, not any account's")
    yield {
        "name": f"the requester's {name}",
        "expression": f'subjectAlternativeName["{name}"] == [{attribute}]',
        "message": f"the {name} is not the {attribute} of the requester's account",
    }


def _remark_on_others(policy: CertificateRequestPolicy, remarks: Remarks) -> None:
    mapping = policy.directory_services_mapping
    if mapping is not None and mapping.permit_disabled_accounts:
        remarks.note("PermitDisabledAccounts: disabled accounts are never let in here")
    for name in (*policy.others, *(mapping.others if mapping else ())):
        if name in _LEFT_OUT:
            remarks.note(f"{name}: {_LEFT_OUT[name]}")
        elif name in _STRICTER_THERE:
            remarks.decide(f"{name}: {_STRICTER_THERE[name]}")
