"""What `check-config` sees of the state without opening it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from gateway.config.state_files import mistakes_of_state
from gateway.state.settings import MemorySettings, RedisSettings, SqliteSettings
from gateway.strict_yaml import Document, Mistaken
from tests.certificates import an_authority
from tests.unit.config.samples import load

NOBODY = 65534


@pytest.fixture
def server(tmp_path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """A right one, which the configuration names."""
    (tmp_path / "redis").mkdir()
    an_authority(tmp_path / "redis")
    (tmp_path / "redis-password").write_text("the-password\n")
    (tmp_path / "redis-password").chmod(0o600)
    settings = {
        "kind": "redis",
        "url": "rediss://state.corp.example:6380",
        "trust": str(an_authority(tmp_path / "redis").certificate_path.relative_to(tmp_path)),
        "username": "gateway",
        "password_file": "redis-password",
    }
    content["state"] = settings
    return settings


@contextmanager
def another_user(directory: Path) -> Iterator[None]:
    """The owner of the directory, if it is root who would be asked: root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    for path in (directory, *directory.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_without_a_word_the_state_is_a_file_beside_the_audit_record(tmp_path: Path, content: dict[str, Any]) -> None:
    checked = load(tmp_path, content)

    assert checked.configuration.state_settings == SqliteSettings(kind="sqlite", file=tmp_path / "state.sqlite")
    assert checked.warnings == ()


def test_paths_are_taken_from_the_file_s_own_directory(
    tmp_path: Path, content: dict[str, Any], server: dict[str, Any]
) -> None:
    settings = load(tmp_path, content).configuration.state_settings

    assert isinstance(settings, RedisSettings)
    assert (settings.password_file, settings.trust) == (tmp_path / "redis-password", tmp_path / server["trust"])


def test_a_directory_that_is_not_there_is_a_mistake(tmp_path: Path, content: dict[str, Any]) -> None:
    content["state"] = {"kind": "sqlite", "file": "absent/state.sqlite"}

    with pytest.raises(Mistaken, match=r"state\.file: the directory .*absent does not exist"):
        load(tmp_path, content)


def test_the_file_itself_need_not_be_there(tmp_path: Path, content: dict[str, Any]) -> None:
    content["state"] = {"kind": "sqlite", "file": "state.sqlite"}

    load(tmp_path, content)

    assert not (tmp_path / "state.sqlite").exists()


@pytest.mark.parametrize(
    ("mode", "message"), [(0o500, "nothing can be written into"), (0o700, "state.sqlite cannot be read and written")]
)
def test_what_cannot_be_written_is_a_mistake(tmp_path: Path, content: dict[str, Any], mode: int, message: str) -> None:
    configuration = load(tmp_path, content).configuration
    # Not below pytest's own directory, which lets nobody else through.
    with TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "state.sqlite").touch(0o400)
        directory.chmod(mode)
        state = SqliteSettings(kind="sqlite", file=directory / "state.sqlite")
        changed = configuration.model_copy(update={"state": state})
        with another_user(directory):
            (mistake,) = mistakes_of_state(Document("gateway.yaml", {}, {}), changed, [])
        directory.chmod(0o700)

    assert mistake.path == "state.file"
    assert message in mistake.message


def test_a_state_in_memory_is_warned_of(tmp_path: Path, content: dict[str, Any]) -> None:
    content["state"] = {"kind": "memory"}

    checked = load(tmp_path, content)

    assert checked.configuration.state_settings == MemorySettings(kind="memory")
    assert checked.warnings == ("state: is in memory: a restart forgets what was sent to a CA, and every limit",)


@pytest.mark.usefixtures("server")
def test_a_server_by_tls_is_right(tmp_path: Path, content: dict[str, Any]) -> None:
    assert load(tmp_path, content).warnings == ()


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"password_file": "absent"}, r"state\.password_file: .*absent does not exist"),
        ({"password_file": "policies"}, r"state\.password_file: .*policies cannot be used: .*directory"),
        ({"password_file": "two-lines"}, r"state\.password_file: .*must have one line, the password"),
        ({"password_file": "latin-1"}, r"state\.password_file: .*cannot be used"),
        ({"trust": "absent.pem"}, r"state\.trust: .*absent\.pem does not exist"),
        ({"trust": "redis-password"}, "redis-password: no PEM certificates to trust"),
        ({"certificate": "redis-password", "key": "redis-password"}, "redis-password: no certificate with the key"),
        ({"url": "redis://:secret@h"}, r"state\.url: must not contain a user or a password"),
        ({"kind": "sql"}, r"state"),
        ({"password": "secret"}, r"state.*password: unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, content: dict[str, Any], server: dict[str, Any], changes: dict[str, Any], mistake: str
) -> None:
    (tmp_path / "two-lines").write_text("one\ntwo\n")
    (tmp_path / "latin-1").write_bytes(b"\xe9\n")
    server |= changes

    with pytest.raises(Mistaken, match=mistake) as caught:
        load(tmp_path, content)

    assert "secret" not in str(caught.value)


def test_what_others_can_read_or_hear_is_warned_of(
    tmp_path: Path, content: dict[str, Any], server: dict[str, Any]
) -> None:
    (tmp_path / "redis-password").chmod(0o644)
    del server["trust"]
    server["url"] = "redis://state.corp.example"

    encryption, password = load(tmp_path, content).warnings

    assert encryption.startswith("state.url: is not encrypted")
    assert password.startswith("state.password_file: everybody on this machine can read it")
