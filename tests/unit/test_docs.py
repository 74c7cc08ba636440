"""The pages say what the program does."""

import importlib.util
import re
from pathlib import Path

from gateway.config import Configuration
from gateway.faults import REASONS
from gateway.strict_yaml import parse
from gateway.telemetry import Metrics

ROOT = Path(__file__).parent.parent.parent


def test_the_page_of_errors_is_made_from_the_table() -> None:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)

    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == docs.errors_page()


def test_every_reason_is_on_the_page_of_errors() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

    assert all(f"`{reason}`" in page for reason in REASONS)


def test_the_example_configuration_is_valid_and_names_every_general_setting() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    document = parse(example, "configuration.md")
    document.validate(Configuration)

    assert set(document.content) == set(Configuration.model_fields)


def test_the_metrics_on_the_page_exist() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rendered = Metrics(version="1", services=["s"], listeners=["l"]).render().decode()

    for name in re.findall(r"`(ces_gateway_[a-z_]+)`", page):
        assert f"# TYPE {name}" in rendered, name


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
