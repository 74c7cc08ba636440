"""One Prometheus registry for the process.

Labels come from closed sets only: names of the configuration and enumerations, never what a client sent.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gateway.policy.comparison import Change
from gateway.rates.settings import Limit
from gateway.state.watched import StateOperation
from gateway.telemetry.labels import ConnectionRefusal, HandshakeFailure, HttpRefusalReason, PolicyOutcome
from gateway.telemetry.partners import PartnerMetrics
from gateway.telemetry.realms import RealmMetrics, RealmSeries
from gateway.telemetry.seconds import SECONDS, STATE_SECONDS
from gateway.telemetry.upstreams import UpstreamMetrics, UpstreamSeries


class Metrics:
    """What the gateway counts. One instance per process; methods say what happened.

    The series of the named services and listeners exist from the start, at zero: an alert on a rate needs the first
    failure to be an increase.
    """

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, *, version: str = "", services: Iterable[str] = (), listeners: Iterable[str] = ()) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "ces_gateway_requests", "Calls that a service answered.", ["service", "outcome"], registry=registry
        )
        self._challenges = Counter(
            "ces_gateway_challenges",
            "Requests without a Negotiate credential, answered with 401.",
            ["service"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "ces_gateway_request_seconds",
            "From the complete request header to the rendered answer.",
            ["service"],
            buckets=SECONDS,
            registry=registry,
        )
        self._upstream_seconds = Histogram(
            "ces_gateway_upstream_seconds",
            "What the internal service took.",
            ["service"],
            buckets=SECONDS,
            registry=registry,
        )
        self._http_refusals = Counter(
            "ces_gateway_http_refusals", "Requests that no service has seen.", ["reason"], registry=registry
        )
        self._rate_limited = Counter(
            "ces_gateway_rate_limited",
            "Requests that were refused since a budget was used up.",
            ["service", "limit"],
            registry=registry,
        )
        self._connections = Gauge(
            "ces_gateway_connections", "Open connections, handshakes included.", ["listener"], registry=registry
        )
        self._connections_refused = Counter(
            "ces_gateway_connections_refused",
            "Connections closed because there were too many.",
            ["listener", "reason"],
            registry=registry,
        )
        self._handshake_failures = Counter(
            "ces_gateway_tls_handshake_failures",
            "TLS handshakes that did not complete.",
            ["listener", "reason"],
            registry=registry,
        )
        self._audit_failures = Counter(
            "ces_gateway_audit_failures", "Audit lines that could not be written.", registry=registry
        )
        self._state_seconds = Histogram(
            "ces_gateway_state_seconds",
            "What an operation on the state took that was answered.",
            ["operation"],
            buckets=STATE_SECONDS,
            registry=registry,
        )
        self._state_failures = Counter(
            "ces_gateway_state_failures",
            "Operations on the state that were not answered, probes included.",
            ["operation"],
            registry=registry,
        )
        self._shadow_differences = Counter(
            "ces_gateway_shadow_differences",
            "Decisions that the shadow policies would have made otherwise.",
            ["policy", "difference"],
            registry=registry,
        )
        self._certificates_withheld = Counter(
            "ces_gateway_certificates_withheld",
            "Certificates that were issued, are not what was approved, and were not handed out.",
            ["service"],
            registry=registry,
        )
        self._objections = Counter(
            "ces_gateway_certificate_objections",
            "Withheld certificates by the fields that were not as approved: one can count several times.",
            ["service", "field"],
            registry=registry,
        )
        self._policy_decisions = Counter(
            "ces_gateway_policy_decisions",
            "Applications that the policies judged.",
            ["policy", "outcome"],
            registry=registry,
        )
        self._policy_decisions.labels("", PolicyOutcome.UNMATCHED)
        self._not_after = Gauge(
            "ces_gateway_server_certificate_not_after_seconds",
            "When the first of the listener's certificates expires, in seconds since the epoch.",
            ["listener"],
            registry=registry,
        )
        self._weak_mappings = Counter(
            "ces_gateway_weak_mappings",
            "Client certificates that only a weak form of altSecurityIdentities leads to an account.",
            ["form"],
            registry=registry,
        )
        self._list_this_update = Gauge(
            "ces_gateway_revocation_list_this_update_seconds",
            "When the authority made its revocation list, in seconds since the epoch.",
            ["authority"],
            registry=registry,
        )
        self._list_next_update = Gauge(
            "ces_gateway_revocation_list_next_update_seconds",
            "When the first of the authority's revocation lists is over, in seconds since the epoch.",
            ["authority"],
            registry=registry,
        )
        self._list_failures = Counter(
            "ces_gateway_revocation_list_failures",
            "Readings of a revocation list that brought none.",
            ["authority"],
            registry=registry,
        )
        self._catalogue_templates = Gauge(
            "ces_gateway_catalogue_templates", "Templates that the catalogue knows.", registry=registry
        )
        self._catalogue_age = Gauge(
            "ces_gateway_catalogue_age_seconds",
            "Since the internal CEP has told its templates to this service; +Inf: not since the start.",
            ["service"],
            registry=registry,
        )
        self._catalogue_failures = Counter(
            "ces_gateway_catalogue_refresh_failures",
            "Questions of the gateway itself for the templates, that the internal CEP has not answered.",
            ["service"],
            registry=registry,
        )
        self.partners = PartnerMetrics(registry)
        self._cep_stale = Counter(
            "ces_gateway_cep_stale",
            "GetPolicies that were answered by an older word of the internal CEP, since it was not there.",
            ["service"],
            registry=registry,
        )
        self._cep_absent = Gauge(
            "ces_gateway_cep_absent",
            "1 while the internal CEP is not there, as far as is known.",
            ["service"],
            registry=registry,
        )
        self._not_advertised = Gauge(
            "ces_gateway_service_not_advertised",
            "1 while clients are not told of this CES service, since it would not work.",
            ["service"],
            registry=registry,
        )
        self._realms = RealmSeries(registry)
        self._upstreams = UpstreamSeries(registry)
        Gauge("ces_gateway_build_info", "1, with the version.", ["version"], registry=registry).labels(version).set(1)
        self._start_at_zero(services, listeners)

    def _start_at_zero(self, services: Iterable[str], listeners: Iterable[str]) -> None:
        for reason in HttpRefusalReason:
            self._http_refusals.labels(reason)
        services = tuple(services)
        for service, limit in product((*services, ""), Limit):
            self._rate_limited.labels(service, limit)
        for operation in StateOperation:
            self._state_seconds.labels(operation)
            self._state_failures.labels(operation)
        for service in services:
            self._challenges.labels(service)
            self._request_seconds.labels(service)
            self._upstream_seconds.labels(service)
            self._certificates_withheld.labels(service)
        for listener in listeners:
            self._connections.labels(listener)
            for refusal in ConnectionRefusal:
                self._connections_refused.labels(listener, refusal)
            for failure in HandshakeFailure:
                self._handshake_failures.labels(listener, failure)

    def answered(self, service: str, outcome: str, seconds: float) -> None:
        """A service gave its reply; `outcome` is of the closed set of `gateway.web.answer` and `gateway.faults`."""
        self._requests.labels(service, outcome).inc()
        self._request_seconds.labels(service).observe(seconds)

    def challenged(self, service: str) -> None:
        """A client was asked for a Negotiate credential: each does that once before it has authenticated."""
        self._challenges.labels(service).inc()

    def upstream_answered(self, service: str, seconds: float) -> None:
        """The internal service answered, or failed to."""
        self._upstream_seconds.labels(service).observe(seconds)

    def refused(self, reason: HttpRefusalReason) -> None:
        """The HTTP server refused a request."""
        self._http_refusals.labels(reason).inc()

    def rate_limited(self, service: str, limit: str) -> None:
        """A budget was used up; `limit` is of `gateway.rates.settings.Limit`, `service` empty for no service's path."""
        self._rate_limited.labels(service, limit).inc()

    def connection_opened(self, listener: str) -> None:
        """A connection was accepted and is within the limits."""
        self._connections.labels(listener).inc()

    def connection_closed(self, listener: str) -> None:
        """A connection that was counted by `connection_opened` is gone."""
        self._connections.labels(listener).dec()

    def connection_refused(self, listener: str, reason: ConnectionRefusal) -> None:
        """A connection was closed because there were too many."""
        self._connections_refused.labels(listener, reason).inc()

    def handshake_failed(self, listener: str, reason: HandshakeFailure) -> None:
        """A TLS handshake did not complete."""
        self._handshake_failures.labels(listener, reason).inc()

    def audit_failed(self) -> None:
        """An audit line could not be written."""
        self._audit_failures.inc()

    def state_answered(self, operation: StateOperation, seconds: float) -> None:
        """The store of the state has done what it was asked."""
        self._state_seconds.labels(operation).observe(seconds)

    def state_failed(self, operation: StateOperation) -> None:
        """It has not, or nobody knows."""
        self._state_failures.labels(operation).inc()

    def shadow_watches(self, policies: Iterable[str]) -> None:
        """Shadow policies judge beside these policies."""
        for policy in policies:
            for change in Change:
                self._shadow_differences.labels(policy, change)

    def shadow_differs(self, policy: str, change: Change) -> None:
        """The shadow policies would have decided otherwise; `policy` is one of those that are loaded."""
        self._shadow_differences.labels(policy, change).inc()

    def certificate_withheld(self, service: str, fields: Iterable[str] = ()) -> None:
        """The CA issued a certificate that is not the one that was approved; `fields` are of `policy.issued_fields`."""
        self._certificates_withheld.labels(service).inc()
        for field in set(fields):
            self._objections.labels(service, field).inc()

    def policies_in_force(self, names: Iterable[str]) -> None:
        """These policies judge from now on: their series start at zero, those of others stay as they are."""
        for name in names:
            for outcome in (PolicyOutcome.ALLOWED, PolicyOutcome.REFUSED, PolicyOutcome.AUDITED):
                self._policy_decisions.labels(name, outcome)

    def policy_decided(self, policy: str, outcome: PolicyOutcome) -> None:
        """An application was judged; `policy` is the name of the one that did, or empty if there is none."""
        self._policy_decisions.labels(policy, outcome).inc()

    def server_certificate_expires(self, listener: str, not_after: datetime) -> None:
        """A listener has loaded its certificates; `not_after` is the earliest of them."""
        self._not_after.labels(listener).set(not_after.timestamp())

    def weak_mapping(self, form: str) -> None:
        """A certificate was mapped by a weak form; `form` is of `gateway.authn.alt_security_identities.WeakForm`."""
        self._weak_mappings.labels(form).inc()

    def revocation_list_read(self, authority: str, this_update: datetime, next_update: datetime) -> None:
        """An authority's list was read; of several, it is the one that is over first."""
        self._list_this_update.labels(authority).set(this_update.timestamp())
        self._list_next_update.labels(authority).set(next_update.timestamp())
        self._list_failures.labels(authority)

    def revocation_list_failed(self, authority: str) -> None:
        """An authority's list could not be read, or is not to be judged by."""
        self._list_failures.labels(authority).inc()

    def catalogue_changed(self, templates: int) -> None:
        """So many templates are known from now on."""
        self._catalogue_templates.set(templates)

    def watch_catalogue(self, service: str, seconds_since: Callable[[], float]) -> None:
        """Have each rendering ask how old the service's last word is. Must not block."""
        self._catalogue_age.labels(service).set_function(seconds_since)
        self._catalogue_failures.labels(service)

    def catalogue_not_refreshed(self, service: str) -> None:
        """The gateway has asked by itself, and got no answer."""
        self._catalogue_failures.labels(service).inc()

    def watch_cep(self, service: str, is_absent: Callable[[], bool]) -> None:
        """Have each rendering ask whether the CEP behind this service is there. Must not block."""
        self._cep_absent.labels(service).set_function(lambda: float(is_absent()))
        self._cep_stale.labels(service)

    def cep_stale(self, service: str) -> None:
        """A client was told what CEP had said before, since it was not there to say it again."""
        self._cep_stale.labels(service).inc()

    def watch_advertising(self, service: str, is_advertised: Callable[[], bool]) -> None:
        """Have each rendering ask whether clients are told of this CES service. Must not block."""
        self._not_advertised.labels(service).set_function(lambda: float(not is_advertised()))

    def realm(self, name: str) -> RealmMetrics:
        """What is counted of one realm."""
        return RealmMetrics(name, self._realms)

    def upstreams(self, service: str) -> UpstreamMetrics:
        """What is counted of the internal servers of one service."""
        return UpstreamMetrics(service, self._upstreams)

    def render(self) -> bytes:
        """Everything in Prometheus' text format, to be sent as `content_type`."""
        return generate_latest(self._registry)
