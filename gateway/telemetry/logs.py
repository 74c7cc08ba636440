"""Logs, configured once: JSON lines on standard output."""

import logging
import sys
from typing import TYPE_CHECKING, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

if TYPE_CHECKING:
    # Named so only in typeshed.
    from sys import UnraisableHookArgs

log = structlog.get_logger()

_SECRET_KEYS = ("password", "passwd", "secret", "authorization", "credential", "private_key", "cookie", "token")
REDACTED = "[redacted]"


def redact_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank out values whose key sounds like a secret. The first line of defence is that no code logs one."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_KEYS):
            event[key] = REDACTED
    return event


def configure_logging(level: str, stream: TextIO = sys.stdout) -> None:
    """Send every log line of the process to `stream`, one JSON object each; `level` is debug, info, warning or error.

    Libraries that use `logging` (asyncio, aiohttp) and exceptions that nobody could raise take the same way: on the
    outside, whatever a client provokes must not end up as loose text between the lines.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact_secrets,
        # Text of the traceback only: structlog's dict_tracebacks would print local variables, and those hold secrets.
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(stream),
    )

    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(level=threshold, handlers=[handler], force=True)
    # At the level debug, pyspnego logs whole tokens.
    logging.getLogger("spnego").setLevel(max(threshold, logging.INFO))
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable


def _log_unraisable(unraisable: "UnraisableHookArgs") -> None:
    # A server name that is not ASCII in a ClientHello comes this way: `ssl` cannot decode it for its callback.
    log.warning("exception ignored", exception=repr(unraisable.exc_value), reason=unraisable.err_msg)
