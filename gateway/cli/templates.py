"""`ces-gateway templates`: what the catalogue knows, beside the policies; as a table, or as JSON."""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntFlag

from gateway.catalogue.file import read_file
from gateway.config import Configuration, load_configuration
from gateway.config.catalogue_files import contradictions_of
from gateway.pki.certificate_request import TemplateCarrier, TemplateReference
from gateway.policy.catalogue import Catalogue, CatalogueTemplate
from gateway.policy.decision import Policies, Policy
from gateway.policy.template_contradictions import TemplateContradiction
from gateway.policy.template_flags import words
from gateway.policy.vocabulary import EXTENDED_KEY_USAGES
from gateway.strict_yaml import Mistake, Mistaken

_HEADINGS = ("TEMPLATE", "SCHEMA", "KEY", "VALIDITY", "SUBJECT FROM", "POLICY")
_NO_POLICY = "none: refused"
_USAGE_WORDS = {oid: word for word, oid in EXTENDED_KEY_USAGES.items()}


@dataclass(frozen=True, slots=True)
class _Row:
    """A template of the catalogue with the policy that it leads to, or a policy that no template leads to."""

    template: CatalogueTemplate | None
    policy: Policy | None
    contradictions: tuple[TemplateContradiction, ...]

    @property
    def name(self) -> str:
        if self.template is not None:
            return self.template.common_name
        assert self.policy is not None, "a row is about something"
        return self.policy.template.name


def run(options: argparse.Namespace) -> int:
    """Print the catalogue. Raises Mistaken, also where the configuration has none."""
    checked = load_configuration(options.config, datetime.now(UTC))
    configuration = checked.configuration
    if configuration.catalogue is None:
        raise Mistaken((Mistake(str(options.config), 0, "catalogue", "is missing: say in which `file` to keep it"),))
    catalogue = read_file(configuration.catalogue.file)
    rows = sorted(_rows(configuration, checked.policies, catalogue), key=lambda row: row.name.casefold())
    if options.json:
        print(json.dumps([_fields(row) for row in rows], ensure_ascii=False, indent=2))
    else:
        _print_table(rows)
    return 0


def _rows(configuration: Configuration, policies: Policies, catalogue: Catalogue) -> Iterator[_Row]:
    known = policies.knowing(catalogue.common_names())
    found = {policy.name: each for policy, each in contradictions_of(configuration, policies, catalogue)}
    without_template = {policy.name: policy for policy in policies.policies}
    for template in catalogue.templates:
        policy = known.find(TemplateReference(TemplateCarrier.EXTENSION_CERTIFICATE_TEMPLATE_OID, None, template.oid))
        if policy is not None:
            without_template.pop(policy.name, None)
        yield _Row(template, policy, found.get(policy.name, ()) if policy is not None else ())
    for policy in without_template.values():
        yield _Row(None, policy, found.get(policy.name, ()))


# --- the table ------------------------------------------------------------------------------------------------------


def _print_table(rows: list[_Row]) -> None:
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(_HEADINGS))]
    for line, row in zip(cells, [None, *rows], strict=True):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        for detail in _details(row) if row is not None else ():
            print(f"    {detail}")


def _cells(row: _Row) -> tuple[str, ...]:
    policy = row.policy.name if row.policy is not None else _NO_POLICY
    template = row.template
    if template is None:
        return (row.name, "?", "?", "?", "?", policy)
    return (
        row.name,
        _known(template.policy_schema),
        _known(template.minimal_key_length),
        _days(template.validity_period),
        _subject_from(template) or "?",
        policy,
    )


def _details(row: _Row) -> Iterator[str]:
    template = row.template
    if template is None:
        yield "not in the catalogue"
    else:
        yield f"{template.oid}{f', {template.default_name}' if template.default_name else ''}"
        if template.cas is not None:
            yield f"CAs: {', '.join(template.cas) or 'none'}"
        if usages := (*(template.extended_key_usage or ()), *(template.application_policies or ())):
            yield f"usages: {', '.join(_USAGE_WORDS.get(oid, oid) for oid in dict.fromkeys(usages))}"
        for name, flags in _flags(template).items():
            if flags:
                yield f"{name}: {', '.join(words(flags))}"
        if template.ra_signatures:
            yield f"rASignatures: {template.ra_signatures}"
        source = template.source
        yield "configured" if source is None else f"learned by {source.service} at {source.at:%Y-%m-%dT%H:%M:%SZ}"
    for contradiction in row.contradictions:
        yield f"{_weight(contradiction)}: {'.'.join(map(str, contradiction.path))}: {contradiction.text}"


def _flags(template: CatalogueTemplate) -> Mapping[str, IntFlag | None]:
    return {
        "subjectNameFlags": template.subject_name_flags,
        "enrollmentFlags": template.enrollment_flags,
        "privateKeyFlags": template.private_key_flags,
        "generalFlags": template.general_flags,
    }


def _known(number: int | None) -> str:
    return "?" if number is None else str(number)


def _days(period: timedelta | None) -> str:
    return "?" if period is None else f"{period / timedelta(days=1):g} d"


def _subject_from(template: CatalogueTemplate) -> str | None:
    supplies = template.enrollee_supplies_subject
    return None if supplies is None else "request" if supplies else "directory"


def _weight(contradiction: TemplateContradiction) -> str:
    return "mistake" if contradiction.is_mistake else "warning"


# --- for programs ---------------------------------------------------------------------------------------------------


def _fields(row: _Row) -> dict[str, object]:
    """Keys as in the catalogue's file; what is not known is null."""
    fields: dict[str, object] = {"commonName": row.name}
    template = row.template
    if template is not None:
        fields |= {
            "oid": template.oid,
            "defaultName": template.default_name,
            "policySchema": template.policy_schema,
            "minimalKeyLength": template.minimal_key_length,
            "validityPeriodSeconds": _seconds(template.validity_period),
            "renewalPeriodSeconds": _seconds(template.renewal_period),
            "majorRevision": template.major_revision,
            "minorRevision": template.minor_revision,
            "subjectFrom": _subject_from(template),
            **{name: None if flags is None else words(flags) for name, flags in _flags(template).items()},
            "rASignatures": template.ra_signatures,
            "extendedKeyUsage": template.extended_key_usage,
            "applicationPolicies": template.application_policies,
            "cAs": template.cas,
            "source": template.source
            and {"service": template.source.service, "at": template.source.at.strftime("%Y-%m-%dT%H:%M:%SZ")},
        }
    fields["policy"] = row.policy.name if row.policy is not None else None
    fields["contradictions"] = [
        {"weight": _weight(each), "path": ".".join(map(str, each.path)), "text": each.text}
        for each in row.contradictions
    ]
    return fields


def _seconds(period: timedelta | None) -> int | None:
    return None if period is None else int(period.total_seconds())
