import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime

import pytest
import structlog

from gateway.telemetry import configure_logging
from gateway.telemetry.logs import REDACTED


class Stream(io.StringIO):
    def lines(self) -> list[dict[str, object]]:
        """What was logged; every line must be a JSON object."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stream() -> Iterator[Stream]:
    """Logging is a matter of the whole process: it is put back as it was."""
    root = logging.getLogger()
    handlers, level, hook, show = root.handlers[:], root.level, sys.unraisablehook, warnings.showwarning
    stream = Stream()
    yield stream
    logging.captureWarnings(capture=False)
    warnings.showwarning = show
    sys.unraisablehook = hook
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_a_json_object_with_time_and_level(stream: Stream) -> None:
    configure_logging("info", stream)

    structlog.get_logger().info("answered", call_id="17", seconds=0.5)

    (line,) = stream.lines()
    assert datetime.fromisoformat(str(line.pop("timestamp"))).utcoffset() is not None
    assert line == {"event": "answered", "level": "info", "call_id": "17", "seconds": 0.5}


def test_lines_below_the_level_are_dropped(stream: Stream) -> None:
    configure_logging("warning", stream)

    structlog.get_logger().info("quiet")
    logging.getLogger("asyncio").info("quiet")
    structlog.get_logger().warning("loud")

    assert [line["event"] for line in stream.lines()] == ["loud"]


def test_libraries_log_json_too(stream: Stream) -> None:
    configure_logging("info", stream)

    logging.getLogger("asyncio").error("socket.%s() raised", "send")

    (line,) = stream.lines()
    assert (line["event"], line["level"], line["logger"]) == ("socket.send() raised", "error", "asyncio")


@pytest.mark.parametrize("logger", [structlog.get_logger(), logging.getLogger("aiohttp.server")])
def test_an_exception_stays_on_its_line_and_shows_no_variables(stream: Stream, logger: logging.Logger) -> None:
    configure_logging("info", stream)

    secret = "correct horse"

    def fails(password: str) -> None:
        raise ValueError(f"of {len(password)} characters\nforged line")

    try:
        fails(secret)
    except ValueError:
        logger.exception("failed")

    (line,) = stream.lines()
    assert "ValueError: of 13 characters" in str(line["exception"])
    assert secret not in stream.getvalue()


@pytest.mark.parametrize("key", ["password", "Authorization", "client_secret", "private_key", "user_token"])
def test_a_value_that_sounds_secret_is_blanked_out(stream: Stream, key: str) -> None:
    configure_logging("info", stream)

    structlog.get_logger().info("told too much", **{key: "correct horse"})

    (line,) = stream.lines()
    assert line[key] == REDACTED
    assert "correct horse" not in stream.getvalue()


def test_an_exception_that_nobody_can_raise_is_a_line_too(stream: Stream) -> None:
    configure_logging("info", stream)

    class Hook(dict[str, object]):
        exc_value = UnicodeDecodeError("ascii", b"\xff", 0, 1, "ordinal not in range")
        err_msg = None

    sys.unraisablehook(Hook())  # type: ignore[arg-type] # the real one cannot be made

    (line,) = stream.lines()
    assert line["event"] == "exception ignored"
    assert "UnicodeDecodeError" in str(line["exception"])
