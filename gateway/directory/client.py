"""The directory of one realm: from a name, a SID or altSecurityIdentities to the one account that it means, asked anew
in every call.

Two round trips for an account, one by SID: one finds it, one reads it. All that says who it is comes from the second,
so that it is of one moment and of one object.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from gateway.account import Account, LockoutPolicy, UserAccountControl
from gateway.directory import domain, entry
from gateway.directory.domain import Domain
from gateway.directory.group_names import GroupNames
from gateway.directory.names import ACCOUNTS, account_named
from gateway.directory.search import Attribute, Entry, Filter, Scope, Search, all_of, any_of, equal
from gateway.directory.servers import Servers
from gateway.directory.settings import DirectorySettings
from gateway.directory.sid import render_sid
from gateway.errors import AccountAmbiguous, DirectoryUnavailable, UnknownUser
from gateway.tickets import CredentialCache

_DOMAIN_LIFETIME = timedelta(minutes=5)
"""How long what is the same for all accounts is not asked for again."""
_SIDS_AT_ONCE = 100
"""Groups whose names are asked for in one search; its answer stays far below MaxPageSize."""


@dataclass(frozen=True, slots=True)
class DelegationSettings:
    """What a service account may do for others ([MS-SFU] 3.2.5)."""

    user_account_control: UserAccountControl
    allowed_to_delegate_to: frozenset[str]
    """SPNs, as they are written in msDS-AllowedToDelegateTo."""


class Directory:
    """Of one realm. An async context manager; connects when first asked.

    Whatever asks raises Overloaded where searches queue up, because the directory is slower than its callers.
    """

    def __init__(
        self,
        realm: str,
        settings: DirectorySettings,
        own_cache: Callable[[], Awaitable[CredentialCache]],
        clock: Callable[[], datetime],
    ) -> None:
        """`own_cache` gives the gateway's TGT; what it raises is raised by whatever has to connect.

        Raises ValueError for servers that are none.
        """
        self._realm = realm
        self._base_dn = domain.base_dn_of(realm)
        self._servers = Servers(realm, settings.servers, settings.seconds, own_cache, clock)
        self._clock = clock
        self._group_names = GroupNames(clock)
        self._domain: tuple[Domain, datetime] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._servers.close()

    @property
    def trouble(self) -> str | None:
        """What the servers did at the last attempt, for readiness; None when one answered, or none was asked yet."""
        return self._servers.trouble

    async def find_by_name(self, name: str) -> Account:
        """See `names.account_named`. Raises UnknownUser, AccountAmbiguous and DirectoryUnavailable."""
        netbios_name = (await self._current_domain()).netbios_name
        meant = account_named(name, netbios_name=netbios_name, dns_name=self._realm)
        if meant is None:
            raise UnknownUser(f"{name[:300]!r} cannot be the name of an account of {self._realm}")
        return await self._find(meant, f"the name {name!r}")

    async def find_by_sid(self, sid: str) -> Account:
        """Raises UnknownUser and DirectoryUnavailable."""
        try:
            render_sid(sid)
        except ValueError as error:
            raise UnknownUser(str(error)) from error
        return await self._read(sid, f"the SID {sid}")

    async def find_by_alt_security_identities(self, values: Sequence[str]) -> Account:
        """The account that has at least one of these. Case is ignored, as the attribute's syntax wants it.

        Raises UnknownUser, AccountAmbiguous and DirectoryUnavailable.
        """
        what = f"altSecurityIdentities {', '.join(map(repr, values))}"
        if not values:
            raise UnknownUser("no value of altSecurityIdentities to look for")
        return await self._find(
            all_of(ACCOUNTS, any_of(*(equal("altSecurityIdentities", value) for value in values))), what
        )

    async def lockout_policy(self) -> LockoutPolicy:
        """The domain's, at most five minutes old. Fine-grained ones (msDS-PasswordSettings) are not asked for: only
        administrators may read them. Raises DirectoryUnavailable.
        """
        return (await self._current_domain()).lockout_policy

    async def delegation_of(self, sam_account_name: str) -> DelegationSettings:
        """Raises UnknownUser and DirectoryUnavailable."""
        attributes = (Attribute.USER_ACCOUNT_CONTROL, Attribute.MS_DS_ALLOWED_TO_DELEGATE_TO)
        wanted = all_of(ACCOUNTS, equal(Attribute.SAM_ACCOUNT_NAME, sam_account_name))
        found = await self._servers.search(Search(self._base_dn, Scope.WHOLE_SUBTREE, wanted, attributes))
        if not found:
            raise UnknownUser(f"{self._realm} has no account {sam_account_name!r}")
        with self._reading(sam_account_name):
            spns = frozenset(value.decode() for value in found[0].values(Attribute.MS_DS_ALLOWED_TO_DELEGATE_TO))
            return DelegationSettings(entry.user_account_control_of(found[0]), spns)

    async def _find(self, meant: Filter, what: str) -> Account:
        found = await self._servers.search(Search(self._base_dn, Scope.WHOLE_SUBTREE, meant, (Attribute.OBJECT_SID,)))
        with self._reading(what):
            sids = {entry.sid_of(each) for each in found}
        if len(sids) > 1:
            raise AccountAmbiguous(
                f"{what} is that of {len(sids)} accounts of {self._realm}: {', '.join(sorted(sids))}"
            )
        if not sids:
            raise UnknownUser(f"{self._realm} has no account with {what}")
        return await self._read(sids.pop(), what)

    async def _read(self, sid: str, what: str) -> Account:
        # [MS-ADTS] 3.1.1.3.1.2.4: a distinguished name, too.
        search = Search(f"<SID={sid}>", Scope.BASE_OBJECT, ACCOUNTS, entry.ATTRIBUTES)
        found = await self._servers.search(search)
        if not found:
            raise UnknownUser(f"{self._realm} has no account with {what}")
        with self._reading(what):
            group_sids = entry.group_sids_of(found[0])
        policy = await self.lockout_policy()
        names = await self._names_of(entry.group_sids_of_domain(sid, group_sids))
        with self._reading(what):
            return entry.account_of(found[0], realm=self._realm, group_names=names, policy=policy, now=self._clock())

    async def _names_of(self, sids: frozenset[str]) -> frozenset[str]:
        """Of groups that have one here."""
        names = self._group_names.known(sids)
        unknown = sorted(sids - names.keys())
        for start in range(0, len(unknown), _SIDS_AT_ONCE):
            asked = unknown[start : start + _SIDS_AT_ONCE]
            wanted = any_of(*(equal(Attribute.OBJECT_SID, render_sid(sid)) for sid in asked))
            attributes = (Attribute.OBJECT_SID, Attribute.SAM_ACCOUNT_NAME)
            found = await self._servers.search(Search(self._base_dn, Scope.WHOLE_SUBTREE, wanted, attributes))
            with self._reading("groups"):
                learnt = {entry.sid_of(each): each.text(Attribute.SAM_ACCOUNT_NAME) for each in found}
            learnt = dict.fromkeys(asked) | learnt
            self._group_names.learn(learnt)
            names |= learnt
        return frozenset(name for name in names.values() if name is not None)

    async def _current_domain(self) -> Domain:
        now = self._clock()
        if self._domain is None or self._domain[1] <= now:
            self._domain = (await self._read_domain(), now + _DOMAIN_LIFETIME)
        return self._domain[0]

    async def _read_domain(self) -> Domain:
        with self._reading("the domain"):
            root_dse = _only(await self._servers.search(domain.ROOT_DSE))
            head = _only(await self._servers.search(domain.head_of(self._base_dn)))
            cross_reference = _only(await self._servers.search(domain.cross_reference_of(self._base_dn, root_dse)))
            return domain.domain_of(head, cross_reference)

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """What a server says and cannot be read is the directory's fault, whoever asks."""
        try:
            yield
        except ValueError as error:
            raise DirectoryUnavailable(f"{what} in {self._realm}: {error}") from error


def _only(found: list[Entry]) -> Entry:
    if len(found) != 1:
        raise ValueError(f"{len(found)} objects where there must be one: is the server one of this domain's?")
    return found[0]
