"""The pages say what the program does."""

import importlib.util
import re
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.config import Authentication, Configuration, TransitionKind
from gateway.config.contradictions import contradictions
from gateway.config.settings import RealmSettings
from gateway.directory.settings import DirectorySettings
from gateway.faults import REASONS
from gateway.kerberos.settings import KerberosSettings
from gateway.strict_yaml import Document, Settings, parse
from gateway.telemetry import Metrics
from gateway.transition.guard import ImpersonationSettings

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", ["errors.md", "diagnosis.md"])
def test_a_page_of_the_reference_is_made_from_its_table(name: str) -> None:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)

    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == docs.PAGES[ROOT / "docs" / name]()


def test_every_reason_is_on_the_page_of_errors() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

    assert all(f"`{reason}`" in page for reason in REASONS)


def test_the_example_configuration_is_valid_and_names_every_general_setting() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    example, *parts = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    document = parse(example, "configuration.md")
    configuration = document.validate(Configuration)

    assert set(document.content) == set(Configuration.model_fields)
    assert list(contradictions(configuration)) == []
    for part in parts:
        changed = document.content | parse(part, "configuration.md").content
        assert list(contradictions(Document("configuration.md", changed, {}).validate(Configuration))) == []


@pytest.mark.parametrize(
    "model", [RealmSettings, KerberosSettings, DirectorySettings, ImpersonationSettings, MappingRuleSettings]
)
def test_every_setting_of_a_realm_and_of_a_mapping_rule_is_on_the_page(model: type[Settings]) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    missing = [name for name in model.model_fields if not re.search(rf"[`.]{name}`", page)]

    assert missing == []


@pytest.mark.parametrize("kind", [TransitionKind, Authentication])
def test_every_word_of_a_closed_set_is_on_the_page(kind: type[StrEnum]) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert all(f"{word}`" in page for word in kind)


def test_the_metrics_on_the_page_exist() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    metrics = Metrics(version="1", services=["s"], listeners=["l"])
    metrics.realm("CORP.EXAMPLE")
    rendered = metrics.render().decode()

    for name in re.findall(r"`(ces_gateway_[a-z_]+)`", page):
        assert f"# TYPE {name}" in rendered, name


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
