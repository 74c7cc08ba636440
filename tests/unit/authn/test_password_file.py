import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher, Type

from gateway.authn import password_file
from gateway.authn.password_file import (
    Entry,
    PasswordFile,
    PasswordFileMistaken,
    hash_password,
    parse_password_file,
)
from gateway.authn.username_token import Verified
from gateway.errors import Overloaded, UnknownUser, WrongPassword
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Verifier

HASH = hash_password("secret")
OTHER = hash_password("other")


def a_hash(memory: int = 19456, iterations: int = 2, parallelism: int = 1, salt: str = "c2FsdHNhbHQ") -> str:
    return (
        f"$argon2id$v=19$m={memory},t={iterations},p={parallelism}${salt}$8sxdtBHRfQJWnikezTibs9H1hR3R7690kURDmQR9aPE"
    )


def mistakes(text: str) -> list[tuple[int, str]]:
    with pytest.raises(PasswordFileMistaken) as raised:
        parse_password_file(text)
    return [(line, message) for line, message in raised.value.mistakes]


def a_token(username: str, password: str) -> UsernameToken:
    return UsernameToken(username, Secret(password))


# --- the text -------------------------------------------------------------------------------------------------------


def test_comments_and_blank_lines_say_nothing() -> None:
    users = parse_password_file(f"# machines\r\n\n  alice:{HASH}\t\n#bob:{HASH}\n")

    assert users.entries == (Entry("alice", HASH),)


def test_user_names_are_found_in_any_case_and_kept_as_written() -> None:
    users = parse_password_file(f"CORP\\Alice:{HASH}\n")

    assert users.find("corp\\ALICE") == Entry("CORP\\Alice", HASH)


def test_every_mistake_is_reported_with_its_line() -> None:
    found = mistakes(f"alice:{HASH}\n\nALICE:{HASH}\n:{HASH}\nbob\ncarol:$2b$12$abc\nca rol :{a_hash(memory=64)}\n")

    assert [line for line, _ in found] == [3, 4, 5, 6, 7, 7]
    assert "stands in line 1 already" in found[0][1]
    assert "is empty" in found[1][1]
    assert "hash-password" in found[2][1]
    assert "$2b$" in found[3][1]
    assert "blank" in found[4][1]
    assert "m=64, allowed is 19456 to 262144" in found[5][1]


@pytest.mark.parametrize(
    ("password_hash", "expected"),
    [
        (a_hash(memory=19455), "m=19455"),
        (a_hash(memory=10 * 1024 * 1024), "m=10485760"),
        (a_hash(iterations=1), "t=1"),
        (a_hash(iterations=17), "t=17"),
        (a_hash(parallelism=17), "p=17"),
        (a_hash().replace("m=", "m=0"), "not well-formed"),
        (a_hash().replace("v=19", "v=16"), "not well-formed"),
        (a_hash().replace("argon2id", "argon2i"), "$argon2i$"),
        (a_hash() + "$", "not well-formed"),
        (a_hash(salt="c2FsdA"), "salt"),
        (a_hash(salt="c2FsdHNhbHR"), "salt"),
        (a_hash(salt="c2FsdHNhbHQaa"), "salt"),
        (a_hash()[:-30], "tag"),
    ],
)
def test_a_hash_that_is_weak_costly_or_malformed_is_refused(password_hash: str, expected: str) -> None:
    ((line, message),) = mistakes(f"alice:{password_hash}\n")

    assert line == 1
    assert expected in message


def test_what_may_be_a_password_is_not_quoted() -> None:
    found = mistakes("alice:canary\ncanary\ncanary\n")

    assert "canary" not in str(found)


@pytest.mark.parametrize("text", ["", "# nobody\n"])
def test_a_file_without_users_is_a_mistake(text: str) -> None:
    ((line, message),) = mistakes(text)

    assert line == 0
    assert "no users" in message


def test_a_fresh_hash_is_taken_by_the_parser() -> None:
    assert parse_password_file(f"alice:{hash_password('x')}\n").find("alice")


def test_an_empty_password_is_not_hashed() -> None:
    with pytest.raises(ValueError, match="empty"):
        hash_password("")


def test_an_entry_does_not_print_its_hash() -> None:
    assert HASH not in repr(Entry("alice", HASH))


# --- verification ---------------------------------------------------------------------------------------------------


class Failures(list[PasswordFileMistaken]):
    """Keeps what is reported; `first` is set with the first."""

    def __init__(self) -> None:
        self.first = asyncio.Event()

    def __call__(self, mistaken: PasswordFileMistaken) -> None:
        self.append(mistaken)
        self.first.set()


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "passwords"
    path.write_text(f"Alice:{HASH}\nbob:{OTHER}\n")
    return path


@pytest.fixture
def passwords(path: Path, failures: Failures) -> Iterator[PasswordFile]:
    passwords = PasswordFile(path, failures)
    yield passwords
    passwords.close()


async def test_the_right_password_gives_the_account_as_written(passwords: PasswordFile) -> None:
    token = a_token("ALICE", "secret")

    assert await passwords(token) == Verified("Alice", Verifier.PASSWORD_FILE, token)


async def test_a_wrong_password_is_refused(passwords: PasswordFile) -> None:
    with pytest.raises(WrongPassword):
        await passwords(a_token("alice", "other"))


@pytest.mark.parametrize("password", ["secret", "other", "wrong"])
async def test_an_unknown_user_is_refused_whatever_the_password(passwords: PasswordFile, password: str) -> None:
    with pytest.raises(UnknownUser):
        await passwords(a_token("mallory", password))


class CountingHasher:
    """Notes what was verified; `release` lets the verifications go on."""

    def __init__(self) -> None:
        self.verified: list[str] = []
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()

    def verify(self, password_hash: str, _password: str) -> bool:
        self.verified.append(password_hash)
        self.entered.release()
        assert self.release.wait(timeout=30)
        return True


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    hasher = CountingHasher()
    monkeypatch.setattr(password_file, "_HASHER", hasher)
    return hasher


async def test_an_unknown_user_costs_the_hash_of_a_known_one(passwords: PasswordFile, hasher: CountingHasher) -> None:
    hasher.release.set()

    with pytest.raises(UnknownUser):
        await passwords(a_token("mallory", "x"))
    with pytest.raises(UnknownUser):
        await passwords(a_token("Mallory", "y"))

    assert hasher.verified[0] in {HASH, OTHER}
    assert hasher.verified[0] == hasher.verified[1]


async def test_hashing_beyond_the_queue_is_refused_at_once(path: Path, hasher: CountingHasher) -> None:
    passwords = PasswordFile(path, print, at_once=1, waiting=1)
    async with asyncio.TaskGroup() as group:
        accepted = [group.create_task(passwords(a_token("alice", "secret"))) for _ in range(2)]
        await asyncio.to_thread(hasher.entered.acquire)

        with pytest.raises(Overloaded) as raised:
            await passwords(a_token("alice", "secret"))
        assert raised.value.retry_after > 0
        assert len(hasher.verified) == 1

        hasher.release.set()
    assert [task.result().account for task in accepted] == ["Alice", "Alice"]
    assert (await passwords(a_token("alice", "secret"))).account
    passwords.close()


async def test_a_caller_that_hangs_up_does_not_let_another_hash_begin(path: Path, hasher: CountingHasher) -> None:
    passwords = PasswordFile(path, print, at_once=1, waiting=0)
    hashing = asyncio.ensure_future(passwords(a_token("alice", "secret")))
    await asyncio.to_thread(hasher.entered.acquire)

    hashing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hashing

    with pytest.raises(Overloaded):
        await passwords(a_token("alice", "secret"))
    hasher.release.set()
    passwords.close()


async def test_memory_that_is_not_to_be_had_is_no_wrong_password(
    passwords: PasswordFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Starved:
        def verify(self, _hash: str, _password: str) -> bool:
            from argon2.exceptions import VerificationError

            raise VerificationError("Memory allocation error")

    monkeypatch.setattr(password_file, "_HASHER", Starved())

    with pytest.raises(Overloaded, match="Memory"):
        await passwords(a_token("alice", "secret"))


async def test_other_parameters_within_the_bounds_work(tmp_path: Path) -> None:
    stronger = PasswordHasher(time_cost=3, memory_cost=32768, parallelism=2, type=Type.ID).hash("secret")
    path = tmp_path / "passwords"
    path.write_text(f"alice:{stronger}\n")
    passwords = PasswordFile(path, print)

    assert (await passwords(a_token("alice", "secret"))).account
    passwords.close()


# --- the file, while it is in use -----------------------------------------------------------------------------------


def write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def remove(path: Path) -> None:
    path.unlink()


def replace_unobtrusively(path: Path, content: str) -> None:
    """Another inode, the same size and time."""
    status = path.stat()
    fresh = path.with_name("fresh")
    fresh.write_text(content)
    assert fresh.stat().st_size == status.st_size
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.rename(path)


async def test_a_changed_file_is_followed(passwords: PasswordFile, path: Path) -> None:
    await passwords(a_token("bob", "other"))
    write(path, f"alice:{HASH}\n")

    with pytest.raises(UnknownUser):
        await passwords(a_token("bob", "other"))


async def test_a_replaced_file_of_the_same_size_and_time_is_followed(passwords: PasswordFile, path: Path) -> None:
    replace_unobtrusively(path, f"Carol:{HASH}\nbob:{OTHER}\n")

    assert (await passwords(a_token("carol", "secret"))).account


@pytest.mark.parametrize("content", [b"", b"alice:plain\n", b"\xff\xfe"])
async def test_a_file_that_went_wrong_leaves_the_last_good_set_in_force_and_is_reported_once(
    passwords: PasswordFile, path: Path, failures: Failures, content: bytes
) -> None:
    write(path, content)

    assert (await passwords(a_token("alice", "secret"))).account
    await failures.first.wait()
    assert (await passwords(a_token("alice", "secret"))).account

    assert len(failures) == 1


async def test_a_file_that_is_gone_is_reported_and_followed_when_it_comes_back(
    passwords: PasswordFile, path: Path, failures: Failures
) -> None:
    remove(path)
    assert (await passwords(a_token("alice", "secret"))).account
    await failures.first.wait()

    write(path, f"carol:{HASH}\n")

    assert (await passwords(a_token("carol", "secret"))).account


def test_without_a_usable_file_there_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(PasswordFileMistaken, match="cannot be read"):
        PasswordFile(tmp_path / "absent", print)
