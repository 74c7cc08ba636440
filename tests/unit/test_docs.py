"""The pages say what the program does."""

import importlib.util
import re
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.authn.mapping_rules import MappingRuleSettings
from gateway.authn.partners import PartnerSettings
from gateway.config import Authentication, Configuration, TransitionKind
from gateway.config.contradictions import contradictions
from gateway.config.settings import RealmSettings
from gateway.directory.settings import DirectorySettings
from gateway.faults import REASONS
from gateway.kerberos.settings import KerberosSettings
from gateway.state.settings import RedisSettings, SqliteSettings
from gateway.strict_yaml import Document, Settings, parse
from gateway.telemetry import Metrics
from gateway.transition.guard import ImpersonationSettings

ROOT = Path(__file__).parent.parent.parent


def the_page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def examples_on(name: str) -> list[str]:
    """Its YAML."""
    found: list[str] = re.findall(r"```yaml\n(.*?)```", the_page(name), re.DOTALL)
    return found


@pytest.mark.parametrize("name", ["errors.md", "diagnosis.md"])
def test_a_page_of_the_reference_is_made_from_its_table(name: str) -> None:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)

    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == docs.PAGES[ROOT / "docs" / name]()


def test_every_reason_is_on_the_page_of_errors() -> None:
    page = the_page("errors.md")

    assert all(f"`{reason}`" in page for reason in REASONS)


def test_the_example_configuration_is_valid_and_names_every_general_setting() -> None:
    document = parse(examples_on("configuration.md")[0], "configuration.md")
    configuration = document.validate(Configuration)

    assert set(document.content) == set(Configuration.model_fields)
    assert list(contradictions(configuration)) == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *(("configuration.md", part) for part in examples_on("configuration.md")[1:]),
        *(("kerberos.md", part) for part in examples_on("kerberos.md")),
        *(("state.md", part) for part in examples_on("state.md")),
    ],
)
def test_a_part_of_a_configuration_is_valid_in_the_place_of_the_example_s(name: str, part: str) -> None:
    whole = parse(examples_on("configuration.md")[0], "configuration.md").content

    document = Document(name, whole | parse(part, name).content, {})

    assert list(contradictions(document.validate(Configuration))) == []


@pytest.mark.parametrize(
    "model",
    [
        *(RealmSettings, KerberosSettings, DirectorySettings, ImpersonationSettings),
        *(MappingRuleSettings, PartnerSettings, SqliteSettings, RedisSettings),
    ],
)
def test_every_setting_of_a_realm_a_mapping_rule_and_a_state_is_on_the_page(model: type[Settings]) -> None:
    page = the_page("configuration.md")

    missing = [name for name in model.model_fields if not re.search(rf"[`.]{name}`", page)]

    assert missing == []


@pytest.mark.parametrize("kind", [TransitionKind, Authentication])
def test_every_word_of_a_closed_set_is_on_the_page(kind: type[StrEnum]) -> None:
    page = the_page("configuration.md")

    assert all(f"{word}`" in page for word in kind)


@pytest.mark.parametrize("name", ["configuration.md", "errors.md", "kerberos.md", "state.md"])
def test_the_metrics_on_a_page_exist(name: str) -> None:
    metrics = Metrics(version="1", services=["s"], listeners=["l"])
    metrics.realm("CORP.EXAMPLE")
    rendered = metrics.render().decode()

    series = set(re.findall(r"\bces_gateway_[a-z_]+", the_page(name)))

    # A counter has no sample before its first increase; a histogram's samples have other names than it has itself.
    assert [each for each in series if not re.search(rf"^(# TYPE )?{each}\b", rendered, re.MULTILINE)] == []


def test_every_word_of_ours_on_the_page_on_kerberos_exists() -> None:
    page = the_page("kerberos.md")
    watched = {word for words in re.findall(r'outcome=~"([a-z_|]+)"', page) for word in words.split("|")}
    models = (RealmSettings, KerberosSettings, DirectorySettings, ImpersonationSettings, MappingRuleSettings)
    settings = {name for model in models for name in model.model_fields}
    kerberos_own = {"dns_canonicalize_hostname", "read_kt", "write_kt"}

    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", page))

    assert watched <= REASONS
    assert words - REASONS - settings - set(TransitionKind) - kerberos_own == set()


def test_each_reason_on_the_page_on_kerberos_has_the_diagnosis_that_it_links_to() -> None:
    links = re.findall(r"\[`([a-z_]+)`\]\(diagnosis\.md#(d\d+)\)", the_page("kerberos.md"))
    rows = {
        row[1]: row[2]
        for row in re.finditer(r'^\| <a id="(d\d+)"></a>D\d+ \| (.*?) \|', the_page("diagnosis.md"), re.MULTILINE)
    }

    assert links
    assert [(reason, diagnosis) for reason, diagnosis in links if f"`{reason}`" not in rows[diagnosis]] == []


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "policies" / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
