"""User names and Argon2id hashes in a text file: one `username:$argon2id$...` per line, `#` begins a comment line.

Parsed strictly, every mistake with its line; followed when it changes, with the last good set in force. No timing tells
whether a user exists, and no number of callers makes the gateway hash more at a time than it was told to.
"""

import asyncio
import binascii
import re
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

from gateway.authn.account_name import objection_to
from gateway.authn.username_token import Verified
from gateway.errors import Overloaded, UnknownUser, WrongPassword
from gateway.protocol.security import UsernameToken
from gateway.requester import Verifier

MEMORY_KIB = range(19_456, 262_144 + 1)
"""The floor is OWASP's minimum (Password Storage Cheat Sheet); above the ceiling, a typo would take the memory away."""
ITERATIONS = range(2, 16 + 1)
PARALLELISM = range(1, 16 + 1)
SALT_BYTES = range(8, 64 + 1)
"""RFC 9106 3.1 asks for at least 8."""
TAG_BYTES = range(16, 64 + 1)

RETRY_AFTER = 5
"""Seconds: a full queue of hashes at the floor is worked off in less."""

# Every call carries the password, so that every call pays for the hash: the floor, not the library's heavier default.
_HASHER = PasswordHasher(time_cost=ITERATIONS[0], memory_cost=MEMORY_KIB[0], parallelism=PARALLELISM[0])
_NUMBER = r"([1-9][0-9]{0,9})"
_BASE64 = r"([A-Za-z0-9+/]+)"
_ARGON2ID = re.compile(rf"\$argon2id\$v=19\$m={_NUMBER},t={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}")
_SCHEME = re.compile(r"\$([a-z0-9-]{1,16})\$")


class LineMistake(NamedTuple):
    """One thing wrong in a password file. The message never quotes what might be a password."""

    line: int
    """From 1; 0 where the file as a whole is meant."""
    message: str


class PasswordFileMistaken(Exception):
    """A password file that cannot be used: carries every mistake found."""

    def __init__(self, mistakes: Iterable[LineMistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"line {m.line}: {m.message}" if m.line else m.message for m in self.mistakes))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `username` as it is written in the file: the name of the account."""

    username: str
    hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Users:
    """The users of one file, at least one."""

    entries: tuple[Entry, ...]
    _by_name: dict[str, Entry] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {entry.username.casefold(): entry for entry in self.entries})

    def find(self, username: str) -> Entry | None:
        """User names are compared without regard to case, as Windows does."""
        return self._by_name.get(username.casefold())

    def stand_in(self, username: str) -> Entry:
        """Somebody whose hash is worked through for a user who does not exist.

        Always the same one for a name (Python's hash of a text is keyed per process): where users' hashes differ in
        cost, an unknown name costs what one of theirs costs, and goes on costing just that.
        """
        return self.entries[hash(username.casefold()) % len(self.entries)]


def hash_password(password: str) -> str:
    """The `$argon2id$...` text for a password file. Raises ValueError for an empty password."""
    if not password:
        raise ValueError("a password must not be empty")
    return _HASHER.hash(password)


def parse_password_file(text: str) -> Users:
    """Read the lines. Raises PasswordFileMistaken with every mistake."""
    mistakes: list[LineMistake] = []
    entries: list[Entry] = []
    first_line: dict[str, int] = {}
    for number, line in enumerate(map(str.strip, text.split("\n")), start=1):
        if not line or line.startswith("#"):
            continue
        username, _, password_hash = line.partition(":")
        mistakes += (LineMistake(number, objection) for objection in _objections(username, password_hash))
        if password_hash and (known := first_line.setdefault(username.casefold(), number)) != number:
            mistakes.append(LineMistake(number, f"user {username!r} stands in line {known} already (case is ignored)"))
        entries.append(Entry(username, password_hash))
    if not entries:
        # Also what an editor leaves for a moment between truncating and writing: it must not lock everybody out.
        mistakes.append(LineMistake(0, "the file names no users"))
    if mistakes:
        raise PasswordFileMistaken(mistakes)
    return Users(tuple(entries))


def _objections(username: str, password_hash: str) -> Iterator[str]:
    if not password_hash:
        yield "is not `username:$argon2id$...`: make the line with `ces-gateway hash-password`"
        return
    objection = objection_to(username)
    if objection is not None:
        yield f"the user name {objection}"
    match = _ARGON2ID.fullmatch(password_hash)
    if match is None:
        scheme = _SCHEME.match(password_hash)
        found = f"the scheme ${scheme[1]}$" if scheme else "something else"
        yield f"the hash is {found}, not well-formed $argon2id$v=19$: make it with `ces-gateway hash-password`"
        return
    for name, value, allowed in zip("mtp", match.groups()[:3], (MEMORY_KIB, ITERATIONS, PARALLELISM), strict=True):
        if int(value) not in allowed:
            yield f"the hash has {name}={value}, allowed is {allowed[0]} to {allowed[-1]}"
    for part, value, lengths in zip(("salt", "tag"), match.groups()[3:], (SALT_BYTES, TAG_BYTES), strict=True):
        if _base64_length(value) not in lengths:
            yield f"the {part} of the hash is not {lengths[0]} to {lengths[-1]} bytes of base64 without padding"


def _base64_length(text: str) -> int:
    """Bytes, or -1 for what is not the one canonical encoding, which is all that Argon2's own decoder takes."""
    try:
        decoded = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return -1
    return len(decoded) if b64encode(decoded).rstrip(b"=") == text.encode() else -1


class PasswordFile:
    """Verifies user names and passwords by a file, which may be replaced at any time.

    `on_failure` is called on the event loop when a changed file cannot be used; the last good set stays in force, and
    the same content is reported once.
    """

    def __init__(
        self,
        path: Path,
        on_failure: Callable[[PasswordFileMistaken], None],
        *,
        at_once: int = 2,
        waiting: int = 100,
    ) -> None:
        """Read the file. `at_once` bounds memory (each hash takes its `m`), `waiting` bounds how long a caller waits.

        Raises PasswordFileMistaken.
        """
        self._path = path
        self._on_failure = on_failure
        # Not asyncio.to_thread under a semaphore: a caller that hangs up would free its place, not its thread.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._reading = threading.Lock()
        self._stamp = _stamp(path)
        self._users = _read(path)

    async def __call__(self, token: UsernameToken) -> Verified:
        """The account of a user name and password. Raises UnknownUser, WrongPassword or Overloaded."""
        if not self._places.acquire(blocking=False):
            raise Overloaded("too many passwords are waiting to be verified", retry_after=RETRY_AFTER)
        loop = asyncio.get_running_loop()

        def report(mistaken: PasswordFileMistaken) -> None:
            loop.call_soon_threadsafe(self._on_failure, mistaken)

        check = self._threads.submit(self._check, token, report)
        check.add_done_callback(lambda _: self._places.release())
        return Verified(await asyncio.wrap_future(check), Verifier.PASSWORD_FILE, token)

    def close(self) -> None:
        """Let go of the threads; who still waits is cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, token: UsernameToken, report: Callable[[PasswordFileMistaken], None]) -> str:
        users = self._current(report)
        entry = users.find(token.username)
        is_right = _is_right(entry or users.stand_in(token.username), token)
        if entry is None:
            raise UnknownUser(f"the password file has no user {token.username!r}")
        if not is_right:
            raise WrongPassword(f"the password is not that of {entry.username!r}")
        return entry.username

    def _current(self, report: Callable[[PasswordFileMistaken], None]) -> Users:
        with self._reading:
            # Looked at before it is read: what changes in between is seen the next time.
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._users = _read(self._path)
                except PasswordFileMistaken as mistaken:
                    report(mistaken)
            return self._users


def _is_right(entry: Entry, token: UsernameToken) -> bool:
    try:
        return _HASHER.verify(entry.hash, token.password.reveal())
    except VerifyMismatchError:
        return False
    except VerificationError as error:
        # The parser has read the hash, so what is left is memory that was not to be had: no verdict on the password.
        raise Overloaded(f"the password cannot be hashed: {error}", retry_after=RETRY_AFTER) from error


def _read(path: Path) -> Users:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PasswordFileMistaken([LineMistake(0, f"cannot be read: {error}")]) from error
    return parse_password_file(text)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None while there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
