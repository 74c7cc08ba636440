"""`ces-gateway check-config`: everything that `serve` would check, without a socket."""

import argparse
from datetime import UTC, datetime

from gateway.config import load_configuration
from gateway.strict_yaml import Mistaken


def run(options: argparse.Namespace) -> int:
    """Print every mistake and exit 1, or say what the configuration amounts to. Raises Mistaken."""
    checked = load_configuration(options.config, datetime.now(UTC))
    if checked.shadow_mistakes:
        raise Mistaken(checked.shadow_mistakes)
    for warning in checked.warnings:
        print(f"warning: {warning}")
    if checked.catalogue_mistakes:
        raise Mistaken(checked.catalogue_mistakes)
    configuration = checked.configuration
    for service in configuration.services:
        print(f"{service.name}: {configuration.public_url_of(service)}")
        for upstream in service.upstream:
            print(f"    to {upstream.url} by {service.transition}")
    for policy in checked.policies.policies:
        print(f"policy {policy.name}: template {policy.template.name}, {len(policy.rules)} rule(s)")
    for policy in checked.shadow_policies.policies if checked.shadow_policies else ():
        print(f"in the shadow: policy {policy.name}: template {policy.template.name}, {len(policy.rules)} rule(s)")
    print(f"{options.config}: no mistakes")
    return 0
