"""`gateway.state.settings`: which places of a Redis server there are."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.state.settings import RedisSettings

TRUST = {"trust": Path("ca.pem")}


def redis(url: str, **more: Any) -> RedisSettings:
    return RedisSettings.model_validate({"kind": "redis", "url": url, **more})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://state.corp.example", ("state.corp.example", 6379, 0)),
        ("redis://state.corp.example:6380/", ("state.corp.example", 6380, 0)),
        ("redis://[fd00::3]:6380/12", ("fd00::3", 6380, 12)),
    ],
)
def test_a_url_names_host_port_and_database(url: str, place: tuple[str, int, int]) -> None:
    settings = redis(url)

    assert (settings.host, settings.port, settings.database) == place
    assert not settings.is_encrypted


def test_rediss_is_encrypted() -> None:
    assert redis("rediss://state.corp.example", **TRUST).is_encrypted


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("state.corp.example:6379", "must be rediss://host:port"),
        ("http://state.corp.example", "must be rediss://host:port"),
        ("unix:///run/redis.sock", "must be rediss://host:port"),
        ("redis://", "must be rediss://host:port"),
        ("redis://:secret@state.corp.example", "must not contain a user or a password"),
        ("redis://gateway@state.corp.example", "must not contain a user or a password"),
        ("redis://state.corp.example/name", "nothing behind host and port"),
        ("redis://state.corp.example/1/2", "nothing behind host and port"),
        ("redis://state.corp.example/-1", "nothing behind host and port"),
        ("redis://state.corp.example?db=1", "nothing behind host and port"),
        ("redis://state.corp.example/#1", "nothing behind host and port"),
        ("redis://state.corp.example:0", "no port"),
        ("redis://state.corp.example:65536", "[Pp]ort"),
    ],
)
def test_other_urls_are_mistakes(url: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        redis(url)


def test_a_secret_in_a_url_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        redis("redis://:hunter2@state.corp.example")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "more", "message"),
    [
        ("rediss://h", {}, "rediss needs trust"),
        ("redis://h", TRUST, "are for rediss"),
        ("redis://h", {"certificate": Path("a"), "key": Path("b")}, "are for rediss"),
        ("rediss://h", {**TRUST, "key": Path("b")}, "certificate and key go together"),
        ("redis://h", {"username": "gateway"}, "username needs password_file"),
        ("redis://h", {"prefix": "{a}"}, "prefix"),
        ("redis://h", {"password": "secret"}, "password"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(url: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        redis(url, **more)
