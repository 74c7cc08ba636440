from datetime import UTC, datetime

from gateway.kerberos.relay import KdcOutcome
from gateway.telemetry import (
    ConnectionRefusal,
    HandshakeFailure,
    HttpRefusalReason,
    Metrics,
    PolicyOutcome,
    RealmPart,
)
from gateway.upstream.outcome import Outcome


def samples(metrics: Metrics) -> dict[str, float]:
    lines = metrics.render().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}


def test_series_exist_before_anything_happens() -> None:
    found = samples(Metrics(version="1", services=["ces-a"], listeners=["[::]:443"]))

    assert found["ces_gateway_audit_failures_total"] == 0
    assert found['ces_gateway_certificates_withheld_total{service="ces-a"}'] == 0
    assert found['ces_gateway_challenges_total{service="ces-a"}'] == 0
    assert found['ces_gateway_connections{listener="[::]:443"}'] == 0
    assert not any(found[f'ces_gateway_http_refusals_total{{reason="{reason}"}}'] for reason in HttpRefusalReason)
    listener = 'listener="[::]:443"'
    for failure in HandshakeFailure:
        assert found[f'ces_gateway_tls_handshake_failures_total{{{listener},reason="{failure}"}}'] == 0
    for refusal in ConnectionRefusal:
        assert found[f'ces_gateway_connections_refused_total{{{listener},reason="{refusal}"}}'] == 0


def test_what_happens_is_counted() -> None:
    metrics = Metrics(version="1.2.3")
    metrics.answered("ces-a", "issued", 0.2)
    metrics.answered("ces-a", "not_permitted", 0.001)
    metrics.upstream_answered("ces-a", 0.1)
    metrics.refused(HttpRefusalReason.UNKNOWN_PATH)
    metrics.connection_opened("l")
    metrics.connection_opened("l")
    metrics.connection_closed("l")
    metrics.connection_refused("l", ConnectionRefusal.TOO_MANY)
    metrics.handshake_failed("l", HandshakeFailure.TIMEOUT)
    metrics.audit_failed()
    metrics.certificate_withheld("ces-a")
    metrics.challenged("ces-a")
    metrics.weak_mapping("X509RFC822")
    metrics.server_certificate_expires("l", datetime(2030, 1, 1, tzinfo=UTC))

    found = samples(metrics)

    expected: dict[str, float] = {
        'ces_gateway_requests_total{outcome="issued",service="ces-a"}': 1,
        'ces_gateway_requests_total{outcome="not_permitted",service="ces-a"}': 1,
        'ces_gateway_request_seconds_count{service="ces-a"}': 2,
        'ces_gateway_upstream_seconds_count{service="ces-a"}': 1,
        'ces_gateway_http_refusals_total{reason="unknown_path"}': 1,
        'ces_gateway_connections{listener="l"}': 1,
        'ces_gateway_connections_refused_total{listener="l",reason="too_many"}': 1,
        'ces_gateway_tls_handshake_failures_total{listener="l",reason="timeout"}': 1,
        "ces_gateway_audit_failures_total": 1,
        'ces_gateway_certificates_withheld_total{service="ces-a"}': 1,
        'ces_gateway_challenges_total{service="ces-a"}': 1,
        'ces_gateway_weak_mappings_total{form="X509RFC822"}': 1,
        'ces_gateway_server_certificate_not_after_seconds{listener="l"}': 1893456000,
        'ces_gateway_build_info{version="1.2.3"}': 1,
    }
    assert expected.items() <= found.items()


def test_the_series_of_a_policy_exist_before_it_decides_and_stay_when_it_goes() -> None:
    metrics = Metrics()
    metrics.policies_in_force(["web"])
    metrics.policy_decided("web", PolicyOutcome.AUDITED)
    metrics.policies_in_force(["user"])

    found = samples(metrics)
    name = "ces_gateway_policy_decisions_total"
    assert found[f'{name}{{outcome="unmatched",policy=""}}'] == 0
    assert found[f'{name}{{outcome="audited",policy="web"}}'] == 1
    assert [found[f'{name}{{outcome="{outcome}",policy="user"}}'] for outcome in ("allowed", "refused", "audited")] == [
        0,
        0,
        0,
    ]


def test_the_series_of_an_internal_server_exist_before_anything_happens() -> None:
    metrics = Metrics()
    upstreams = metrics.upstreams("ces-a")
    is_healthy = [True]
    upstreams.watch("ces1:443", lambda: is_healthy[0])

    labels = 'service="ces-a",upstream="ces1:443"'
    found = samples(metrics)
    assert found[f"ces_gateway_upstream_healthy{{{labels}}}"] == 1
    assert found[f"ces_gateway_upstream_ejections_total{{{labels}}}"] == 0
    for outcome in Outcome:
        assert found[f'ces_gateway_upstream_requests_total{{outcome="{outcome}",{labels}}}'] == 0

    is_healthy[0] = False
    upstreams.ejected("ces1:443")
    upstreams.tried("ces1:443", Outcome.NOT_REACHED)

    found = samples(metrics)
    assert found[f"ces_gateway_upstream_healthy{{{labels}}}"] == 0
    assert found[f"ces_gateway_upstream_ejections_total{{{labels}}}"] == 1
    assert found[f'ces_gateway_upstream_requests_total{{outcome="not_reached",{labels}}}'] == 1


def test_the_series_of_a_realm_exist_before_anything_happens() -> None:
    metrics = Metrics()
    metrics.realm("CORP.EXAMPLE")

    found = samples(metrics)

    for outcome in KdcOutcome:
        assert found[f'ces_gateway_kdc_seconds_count{{outcome="{outcome}",realm="CORP.EXAMPLE"}}'] == 0
    for source in ("cache", "kdc"):
        assert found[f'ces_gateway_tickets_total{{realm="CORP.EXAMPLE",source="{source}"}}'] == 0


def test_what_happens_in_a_realm_is_counted_there() -> None:
    metrics = Metrics()
    corp, woodgrove = metrics.realm("CORP.EXAMPLE"), metrics.realm("WOODGROVE.EXAMPLE")
    corp.kdc_answered(KdcOutcome.ANSWERED, 0.02)
    corp.kdc_answered(KdcOutcome.SILENT, 5.0)
    corp.ticket_used(is_cached=False)
    corp.ticket_used(is_cached=True)
    corp.ticket_used(is_cached=True)
    woodgrove.ticket_used(is_cached=False)

    found = samples(metrics)

    expected: dict[str, float] = {
        'ces_gateway_kdc_seconds_count{outcome="answered",realm="CORP.EXAMPLE"}': 1,
        'ces_gateway_kdc_seconds_sum{outcome="silent",realm="CORP.EXAMPLE"}': 5,
        'ces_gateway_tickets_total{realm="CORP.EXAMPLE",source="kdc"}': 1,
        'ces_gateway_tickets_total{realm="CORP.EXAMPLE",source="cache"}': 2,
        'ces_gateway_tickets_total{realm="WOODGROVE.EXAMPLE",source="kdc"}': 1,
        'ces_gateway_tickets_total{realm="WOODGROVE.EXAMPLE",source="cache"}': 0,
    }
    assert expected.items() <= found.items()


def test_a_realm_s_trouble_is_asked_for_at_each_rendering() -> None:
    metrics, trouble = Metrics(), ["the KDC is silent"]
    metrics.realm("CORP.EXAMPLE").watch(RealmPart.KDC, lambda: bool(trouble))
    series = 'ces_gateway_realm_trouble{part="kdc",realm="CORP.EXAMPLE"}'

    assert samples(metrics)[series] == 1
    trouble.clear()
    assert samples(metrics)[series] == 0


def test_two_processes_worth_of_metrics_do_not_share() -> None:
    one, other = Metrics(), Metrics()
    one.audit_failed()

    assert samples(other)["ces_gateway_audit_failures_total"] == 0
