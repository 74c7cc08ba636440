"""The configuration file's form: each adapter declares its own settings beside its code, here they are composed.

Secrets are paths, never values. Operational settings have defaults; policy has none.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from gateway.authn.mapping_rules import MappingRules
from gateway.authn.negotiate import ChannelBindings
from gateway.authn.partners import PartnerList
from gateway.catalogue.settings import CatalogueSettings
from gateway.directory.settings import DirectorySettings
from gateway.kerberos.settings import KerberosSettings, RealmName
from gateway.ledger.settings import RenewalSettings
from gateway.protocol.ca_name import sanitized_name
from gateway.protocol.xcep import ClientAuthentication
from gateway.rates.settings import RateLimitSettings
from gateway.requester import Verifier
from gateway.revocation.settings import CertificationAuthoritySettings
from gateway.state.settings import SqliteSettings, StateSettings
from gateway.strict_yaml import Settings
from gateway.transition import kerberos as transition
from gateway.transition.guard import ImpersonationSettings
from gateway.upstream.health import HealthSettings
from gateway.upstream.settings import Upstreams
from gateway.web.limits import LimitSettings
from gateway.web.management import ManagementSettings
from gateway.web.tls import ListenerSettings


class Authentication(StrEnum):
    """How clients authenticate at a service, in the words of Microsoft's URL convention (PROTOCOL: `_CES_<this>`)."""

    USERNAME_PASSWORD = "UsernamePassword"  # noqa: S105 -- a kind of authentication
    CERTIFICATE = "Certificate"
    KERBEROS = "Kerberos"

    @property
    def client_authentication(self) -> ClientAuthentication:
        """The number that [MS-XCEP] 3.1.4.1.3.2 gives it."""
        return {
            Authentication.USERNAME_PASSWORD: ClientAuthentication.USERNAME_PASSWORD,
            Authentication.CERTIFICATE: ClientAuthentication.CERTIFICATE,
            Authentication.KERBEROS: ClientAuthentication.TRANSPORT_KERBEROS,
        }[self]


class TransitionKind(StrEnum):
    """As whom the gateway goes inside."""

    PASS_ON_USERNAME_TOKEN = "pass_on_username_token"  # noqa: S105 -- a way inside
    OWN_CERTIFICATE = "own_certificate"
    PROTOCOL_TRANSITION = transition.PROTOCOL_TRANSITION
    """S4U2self and S4U2proxy: any authentication that the gateway has verified itself."""
    CONSTRAINED_DELEGATION = transition.CONSTRAINED_DELEGATION
    """S4U2proxy with the ticket that the client came with."""
    USER_TICKET = transition.USER_TICKET
    """The ticket that the KDC gave for the user's own password."""
    OWN_ACCOUNT = transition.OWN_ACCOUNT
    """A ticket of the gateway's own account."""

    @property
    def impersonates(self) -> bool:
        """Whether it acts in the requester's name, so that the guard must know in whose it may."""
        return self in {self.PROTOCOL_TRANSITION, self.CONSTRAINED_DELEGATION, self.USER_TICKET}

    @property
    def shows_ticket(self) -> bool:
        """Whether the internal service is asked by Kerberos."""
        return self.impersonates or self is self.OWN_ACCOUNT


class RealmSettings(Settings):
    """A Kerberos realm: one Active Directory domain, in whatever forest."""

    name: RealmName
    kerberos: KerberosSettings
    directory: DirectorySettings
    impersonation: ImpersonationSettings | None = None
    """In whose name the gateway may act. Policy, so that there is no default: without it, in nobody's."""


class _ServiceSettings(Settings):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    """Stands in metrics, logs and the audit record."""
    authentication: Authentication
    verifier: Literal[Verifier.PASSWORD_FILE, Verifier.INTERNAL_CES, Verifier.KERBEROS] | None = None
    """Who checks a user name and password; for Certificate it is the TLS handshake, for Kerberos the keytab."""
    realm: RealmName | None = None
    """The one of `realms` whose directory knows the requesters, and whose KDCs are asked."""
    channel_bindings: ChannelBindings = ChannelBindings.REQUIRED
    """Whether Kerberos clients must have bound their token to the TLS connection."""
    public_url: str | None = None
    """`https://host[:port]` where clients reach this service, if it is not the general one."""
    upstream: Upstreams
    health: HealthSettings = HealthSettings()
    """When one of `upstream` is left alone, and for how long."""
    transition: TransitionKind

    @model_validator(mode="after")
    def _channel_bindings_go_with_kerberos(self) -> Self:
        if "channel_bindings" in self.model_fields_set and self.authentication is not Authentication.KERBEROS:
            raise ValueError("channel_bindings go with authentication Kerberos only: leave it out")
        return self


class CEPSettings(_ServiceSettings):
    """A published Certificate Enrollment Policy Web Service."""

    kind: Literal["CEP"]
    friendly_name: str = "Certificate enrollment"
    """What Windows shows as the name of the policy server."""
    view: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] = "default"
    """CEP services of one view tell one requester the same, by whatever authentication: clients know them by one
    policyID. There is one, unless the services ask several forests."""
    cache_seconds: Annotated[float, Field(ge=0, le=86400)] = 300
    """How long an answer of the internal CEP is given without asking again; 0: not at all. Windows clients come every
    8 hours: any number of them makes 12 questions an hour. And who has changed a template waits five minutes."""
    key_based_renewal: bool = False
    """Whether its clients stand for themselves, by a certificate of one of `certification_authorities`: machines out of
    any domain, which renew by their key. False: nobody gets in whom no mapping rule names, unless somebody says so."""

    @property
    def by_own_certificate(self) -> bool:
        """Whether the client's certificate stands for itself, and for no account."""
        return self.key_based_renewal

    @property
    def path(self) -> str:
        """As Install-AdcsEnrollmentPolicyWebService names it, with -KeyBasedRenewal and without."""
        instance = "KeyBasedRenewal_ADPolicyProvider" if self.key_based_renewal else "ADPolicyProvider"
        return f"/{instance}_CEP_{self.authentication}/service.svc/CEP"


class CESSettings(_ServiceSettings):
    """A published Certificate Enrollment Web Service of one certification authority."""

    kind: Literal["CES"]
    ca: Annotated[str, Field(min_length=1, max_length=64)]
    """The common name of the CA, as in the subject of its certificate (at most 64 characters: RFC 5280, Appendix A)."""
    renewal_only: bool = False
    """Whether it takes nothing but renewals, each signed by the certificate that the client shows to TLS, which stands
    for itself. False: CES is for new requests too, unless it was set up with -RenewalOnly."""

    @property
    def by_own_certificate(self) -> bool:
        """Whether the client's certificate stands for itself, and for no account."""
        return self.renewal_only

    @property
    def takes(self) -> tuple[object, ...]:
        """All that decides about who may ask here for what, and goes inside as whom."""
        return (
            self.public_url, self.authentication, self.verifier, self.realm, self.channel_bindings, self.transition,
            self.renewal_only,
        )  # fmt: skip

    @property
    def path(self) -> str:
        return f"/{sanitized_name(self.ca)}_CES_{self.authentication}/service.svc/CES"


ServiceSettings = Annotated[CEPSettings | CESSettings, Field(discriminator="kind")]


class AuditSettings(Settings):
    """Where the record is kept."""

    file: Path


class Configuration(Settings):
    """The whole file."""

    public_url: str
    """`https://host[:port]` as clients write it: the only address that ever leaves."""
    listeners: Annotated[tuple[ListenerSettings, ...], Field(min_length=1)]
    services: Annotated[tuple[ServiceSettings, ...], Field(min_length=1)]
    policies: Path
    """A directory with one YAML file per template."""
    blocked_keys: Path | None = None
    """A file of digests of public keys that no policy allows."""
    shadow_policies: Path | None = None
    """Another such directory: a candidate, which judges every request too, and decides nothing."""
    audit: AuditSettings
    state: StateSettings | None = None
    """What must be remembered and shared. Without it, in SQLite beside the audit record: see `state_settings`."""
    catalogue: CatalogueSettings | None = None
    """Of certificate templates; without it, the gateway knows of them what the policies say."""
    renewals: RenewalSettings = RenewalSettings()
    """When somebody is told of certificates that should have been renewed."""
    management: ManagementSettings = ManagementSettings()
    limits: LimitSettings = LimitSettings()
    rate_limits: RateLimitSettings = RateLimitSettings()
    password_file: Path | None = None
    mapping: MappingRules = ()
    """How a client certificate becomes an account."""
    partners: PartnerList = ()
    """Names for accounts that belong together, for policies and the audit record."""
    realms: tuple[RealmSettings, ...] = ()
    certification_authorities: tuple[CertificationAuthoritySettings, ...] = ()
    """Whose certificates may sign requests: those of renewals, and of enrollment agents."""
    drain_seconds: Annotated[float, Field(gt=0, le=300)] = 40.0
    """How long a stopping gateway waits for calls in progress; a little more than an upstream answer may take."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def state_settings(self) -> StateSettings:
        """Where the state is kept. The directory of the audit record exists, is writable, and outlives a restart."""
        return self.state or SqliteSettings(kind="sqlite", file=self.audit.file.parent / "state.sqlite")

    def realm_of(self, service: CEPSettings | CESSettings) -> RealmSettings | None:
        """The realm that the service names, if there is such a one."""
        return next((realm for realm in self.realms if realm.name == service.realm), None)

    def public_url_of(self, service: CEPSettings | CESSettings) -> str:
        """The URL that is told to clients, percent-encoded."""
        return (service.public_url or self.public_url).rstrip("/") + quote(service.path)

    def public_host_of(self, service: CEPSettings | CESSettings) -> str:
        """The host of that URL, in lower case."""
        return urlsplit(service.public_url or self.public_url).hostname or ""

    def ces_alike(self, service: CESSettings) -> dict[str, CESSettings]:
        """By CA, one CES service for each to which whoever comes to this one could have come as well; itself first."""
        alike = {service.ca: service}
        for other in self.services:
            if isinstance(other, CESSettings) and other.takes == service.takes:
                alike.setdefault(other.ca, other)
        return alike

    def public_hosts(self) -> frozenset[str]:
        """Every host name that clients use."""
        urls = (self.public_url, *(service.public_url for service in self.services if service.public_url))
        return frozenset(host for url in urls if (host := urlsplit(url).hostname))
