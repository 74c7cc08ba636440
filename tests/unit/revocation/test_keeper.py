"""What is at hand of the revocation lists, at the start, later, and when something is wrong."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import RevocationUnknown, SignerRevoked
from gateway.revocation.keeper import RETRY, AuthoritiesKeeper
from gateway.revocation.settings import CertificationAuthoritySettings
from tests.authorities import NOW, TestAuthority, pem

CA = TestAuthority()
HOUR = timedelta(hours=1)


class Events:
    """Tells when a list was read, or was not."""

    def __init__(self) -> None:
        self.read: list[tuple[str, datetime, datetime]] = []
        self.failed: list[str] = []
        self.happened = asyncio.Event()

    def revocation_list_read(self, authority: str, this_update: datetime, next_update: datetime) -> None:
        self.read.append((authority, this_update, next_update))
        self.happened.set()

    def revocation_list_failed(self, authority: str) -> None:
        self.failed.append(authority)
        self.happened.set()

    async def next(self) -> None:
        await self.happened.wait()
        self.happened.clear()


def settings(directory: Path, *lists: bytes) -> CertificationAuthoritySettings:
    (directory / "ca.pem").write_bytes(pem(CA.certificate))
    files = []
    for n, encoded in enumerate(lists):
        files.append(directory / f"{n}.crl")
        files[-1].write_bytes(encoded)
    return CertificationAuthoritySettings(name="CA", certificates=directory / "ca.pem", crl=tuple(files))


def keeper(events: Events, *authorities: CertificationAuthoritySettings, now: datetime = NOW) -> AuthoritiesKeeper:
    return AuthoritiesKeeper(authorities, lambda: now, events)


async def test_the_lists_are_at_hand_when_it_has_started(tmp_path: Path) -> None:
    events = Events()
    async with keeper(events, settings(tmp_path, CA.crl({0x5E01: None}))) as authorities:
        with pytest.raises(SignerRevoked):
            authorities().vouch_for((CA.issue(),), NOW)

        assert authorities().vouch_for((CA.issue(serial_number=7),), NOW)
        assert events.read == [("CA", NOW - timedelta(days=1), NOW + timedelta(days=6))]
        assert authorities.trouble("CA") is None


async def test_without_a_list_the_authority_is_known_all_the_same(tmp_path: Path) -> None:
    async with keeper(Events(), settings(tmp_path)) as authorities:
        assert authorities().certificates_of("CA") == (CA.certificate,)
        with pytest.raises(RevocationUnknown):
            authorities().vouch_for((CA.issue(),), NOW)
        assert [tell() for tell in authorities.troubles().values()] == [None]


async def test_a_list_that_cannot_be_read_is_counted_and_is_trouble(tmp_path: Path) -> None:
    events = Events()
    async with keeper(events, settings(tmp_path, b"no list")) as authorities:
        assert events.failed == ["CA"]
        assert "0.crl: is not a revocation list" in (authorities.trouble("CA") or "")


async def test_a_list_that_is_over_is_trouble(tmp_path: Path) -> None:
    async with keeper(Events(), settings(tmp_path, CA.crl()), now=NOW + timedelta(days=7)) as authorities:
        assert "is over" in (authorities.trouble("CA") or "")


async def test_a_reload_reads_the_lists_again(tmp_path: Path) -> None:
    events = Events()
    async with keeper(events, settings(tmp_path, CA.crl())) as authorities:
        await events.next()
        (tmp_path / "0.crl").write_bytes(CA.crl({0x5E01: None}))

        authorities.reload()
        await events.next()

        with pytest.raises(SignerRevoked):
            authorities().vouch_for((CA.issue(),), NOW)


@pytest.mark.parametrize(
    "later", [b"no list", CA.crl({}, this_update=NOW - timedelta(days=2))], ids=["unreadable", "an older list"]
)
async def test_the_last_good_list_stays_in_force(tmp_path: Path, later: bytes) -> None:
    events = Events()
    async with keeper(events, settings(tmp_path, CA.crl({0x5E01: None}))) as authorities:
        await events.next()
        (tmp_path / "0.crl").write_bytes(later)

        authorities.reload()
        await events.next()

        assert events.failed == ["CA"]
        with pytest.raises(SignerRevoked):
            authorities().vouch_for((CA.issue(),), NOW)


async def test_a_reload_with_certificates_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    async with keeper(Events(), settings(tmp_path, CA.crl())) as authorities:
        (tmp_path / "ca.pem").write_bytes(b"no PEM")

        with pytest.raises(ValueError, match="PEM"):
            authorities.reload()

        assert authorities().vouch_for((CA.issue(),), NOW)


async def test_the_list_that_is_over_first_is_the_one_that_is_told(tmp_path: Path) -> None:
    events = Events()
    async with keeper(events, settings(tmp_path, CA.crl(), CA.crl(next_update=NOW + HOUR))):
        assert min(next_update for _, _, next_update in events.read[-1:]) == NOW + HOUR


@pytest.mark.parametrize(
    ("encoded", "pause"),
    [
        (CA.crl(), HOUR),
        (CA.crl(next_update=NOW + timedelta(minutes=10)), timedelta(minutes=10)),
        (CA.crl(next_update=NOW + timedelta(seconds=10)), RETRY),
        (CA.crl(next_update=NOW - HOUR), RETRY),
        (b"no list", RETRY),
    ],
    ids=["each hour", "when it is over", "not too often", "over", "unreadable"],
)
async def test_when_a_list_is_read_again(tmp_path: Path, encoded: bytes, pause: timedelta) -> None:
    async with keeper(Events(), settings(tmp_path, encoded)) as authorities:
        assert authorities.pauses() == [pause]
