"""The alert rules of the chart: of metrics that there are, and telling which command helps."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli.main import main
from gateway.ledger.certificates import Stage
from gateway.telemetry import Metrics

FILE = Path(__file__).parents[2] / "helm" / "ces-gateway" / "alerts.yaml"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]

# Of PromQL, what these rules need: a selector may follow the name, a function and `by` stand before it.
_METRIC = re.compile(r"\b(ces_gateway_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\bby \(([^)]*)\)")


def metrics_and_labels() -> dict[str, set[str]]:
    """Every metric by the name under which its samples are, with its labels."""
    metrics = Metrics()
    families = [family.name for family in text_string_to_metric_families(metrics.render().decode())]
    found = {}
    for collector in set(metrics._registry._collector_to_names):
        for family in collector.collect():
            if family.name in families:
                suffix = "_total" if family.type == "counter" else ""
                found[family.name + suffix] = set(getattr(collector, "_labelnames", ()))
    return found


METRICS = metrics_and_labels()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_about_a_metric_that_there_is(rule: dict[str, Any]) -> None:
    named = _METRIC.findall(rule["expr"])

    assert named
    for name, selector in named:
        assert name in METRICS
        assert set(re.findall(r"(\w+)=", selector)) <= METRICS[name]
        assert set(re.findall(r'stage="(\w+)"', selector)) <= set(Stage)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_aggregates_by_labels_that_there_are_and_tells_no_others(rule: dict[str, Any]) -> None:
    labels = METRICS[_METRIC.findall(rule["expr"])[0][0]]
    kept = {frozenset(labels.strip() for labels in group.split(",")) for group in _BY.findall(rule["expr"])}

    assert len(kept) == 1, "both sides of a comparison have the same labels"
    (by,) = kept
    assert by <= labels | {"namespace", "job"}
    told = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= by


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_has_what_prometheus_takes_and_an_operator_needs(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"CesGateway[A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"[0-9]+[smhd]", rule.get("for", "0s"))
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_alerts_have_different_names() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_the_command_of_which_they_tell_takes_these_options(capsys: pytest.CaptureFixture[str]) -> None:
    told = " ".join(rule["annotations"]["description"] for rule in RULES)
    with pytest.raises(SystemExit):
        main(["certificates", "--help"])

    shown = capsys.readouterr().out
    options = set(re.findall(r"--[a-z-]+", told))
    assert options >= {"--silent", "--in-doubt"}
    assert all(option in shown for option in options)
