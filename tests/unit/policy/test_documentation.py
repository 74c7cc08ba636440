"""docs/policies.md says what the code does, as far as a machine can tell."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from gateway.policy.document import KeyUsage
from gateway.policy.examples import (
    CertificateSection,
    ClientInformation,
    ExampleSection,
    OnBehalfOf,
    RequesterFacts,
    RequestSection,
)
from gateway.policy.expected import SecurityIdentifier
from gateway.policy.identity import IDENTITY
from gateway.policy.key_sections import Curve
from gateway.policy.load import load_examples, load_policies
from gateway.policy.sections import Section
from gateway.policy.vocabulary import EXTENDED_KEY_USAGES, EXTENSIONS, SUBJECT_FIELDS
from gateway.policy.wellformed import WELL_FORMED
from tests.builders import a_policy_file

TEXT = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_whole_example_loads() -> None:
    (policy,) = load_policies([("PartnerWebServer.yaml", EXAMPLES[0])]).policies

    assert [rule.name for rule in policy.rules] == ["partner-a-hosts"]


@pytest.mark.parametrize("example", [example for example in EXAMPLES[1:] if not example.startswith("examples:")])
def test_the_partial_examples_load(example: str) -> None:
    lines = example.splitlines()
    entries = "\n    ".join(lines[1:])
    is_requesters = lines[0] == "requesters:"

    file = a_policy_file(requesters=f"\n    {entries}") if is_requesters else a_policy_file(*lines)
    if lines[0] == "issued:":
        file = f"{a_policy_file()}\n{example}"

    assert len(load_policies([("P.yaml", file)]).policies) == 1


def test_the_examples_of_examples_load() -> None:
    (example,) = [example for example in EXAMPLES if example.startswith("examples:")]

    assert len(load_examples([("P.yaml", f"{a_policy_file()}\n{example}")])) == 2


@pytest.mark.parametrize(
    "section", [ExampleSection, RequesterFacts, RequestSection, CertificateSection, OnBehalfOf, ClientInformation]
)
def test_every_key_of_an_example_is_told(section: type[Section]) -> None:
    keys = [field.alias or name for name, field in section.model_fields.items()]

    assert [key for key in keys if f"`{key}`" not in TEXT] == []


@pytest.mark.parametrize(
    "words",
    [
        SUBJECT_FIELDS.values(),
        WELL_FORMED,
        IDENTITY,
        get_args(KeyUsage),
        get_args(Curve),
        EXTENDED_KEY_USAGES,
        EXTENSIONS,
        SecurityIdentifier,
    ],
)
def test_every_word_is_told(words: Iterable[str]) -> None:
    assert [word for word in words if f"`{word}`" not in TEXT] == []
