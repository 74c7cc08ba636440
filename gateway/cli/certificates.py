"""`ces-gateway certificates`: what was issued through the gateway; as a table, or as JSON. Nothing is changed."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.cli.certificates_in_doubt import advice, request_of
from gateway.config import load_configuration
from gateway.errors import StateUnavailable
from gateway.ledger.certificates import Holding, Stage, holdings, soon_from
from gateway.ledger.hearing import heard
from gateway.ledger.pages import submissions
from gateway.state.open import open_state
from gateway.state.settings import MemorySettings, SqliteSettings, StateSettings
from gateway.submission import Answered, UnderSubmission, Withheld
from gateway.telemetry import configure_logging

_HEADINGS = ("STAGE", "ENDS", "PARTNER", "ACCOUNT", "TEMPLATE", "SUBJECT")
_PERIOD = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("certificates", help="list what was issued: to whom, until when, renewed or not")
    command.add_argument("--config", type=Path, required=True, metavar="FILE")
    command.add_argument("--partner", metavar="NAME", help='of this partner; "": of those who belong to none')
    command.add_argument("--account", metavar="NAME", help="of this account, in any case")
    command.add_argument("--template", metavar="NAME", help="of this template, in any case")
    command.add_argument(
        "--ending", type=_period, metavar="PERIOD", help="valid, not renewed, and over in this time: 12h, 30d, 6w"
    )
    command.add_argument("--silent", action="store_true", help="ending soon, and nobody has tried to renew")
    command.add_argument(
        "--in-doubt", action="store_true", help="sent, and what the CA made of it is not known; with what to do"
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what fits all options, the first to end first. Raises Mistaken or StateUnavailable."""
    configuration = load_configuration(options.config, _now()).configuration
    configure_logging("error", sys.stderr)
    now = _now()
    warn = configuration.renewals.warn
    fitting = [
        _Row(holding, warn, now)
        for holding in asyncio.run(_read(configuration.state_settings, warn, now))
        if _fits(holding, options, now)
    ]
    rows = sorted(fitting, key=lambda row: row.ends_at or row.holding.submission.submitted_at)
    if options.json:
        print(json.dumps([_fields(row) for row in rows], ensure_ascii=False, indent=2))
    elif rows:
        _print_table(rows, with_advice=options.in_doubt)
    else:
        print("none")
    return 0


async def _read(settings: StateSettings, warn: timedelta, now: datetime) -> Sequence[Holding]:
    match settings:
        case MemorySettings():
            raise StateUnavailable(
                "the state is kept in the memory of the gateway: this command cannot see it. Use sqlite or redis"
            )
        case SqliteSettings(file=file) if not file.exists():
            # Not made here: it would not be the gateway's own.
            raise StateUnavailable(f"{file} does not exist: has the gateway run here with this configuration?")
    state = await open_state(settings, _now)
    try:
        tried = await heard(state)
        return holdings([line async for line in submissions(state)], tried, now, warn)
    finally:
        await state.close()


def _fits(holding: Holding, options: argparse.Namespace, now: datetime) -> bool:
    line = holding.submission
    facts = holding.certificate
    is_current = facts is not None and holding.stage in {Stage.VALID, Stage.ENDING}
    return (
        (options.partner is None or (holding.partner or "") == options.partner)
        and (options.account is None or line.account.casefold() == options.account.casefold())
        and (options.template is None or line.template.casefold() == options.template.casefold())
        and (options.ending is None or (is_current and facts is not None and facts.not_after <= now + options.ending))
        and (not options.silent or holding.is_silent)
        and (not options.in_doubt or holding.stage is Stage.IN_DOUBT)
    )


def _period(text: str) -> timedelta:
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not as in 12h, 30d or 6w")
    return int(match[1]) * _UNITS[match[2]]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Row:
    holding: Holding
    warn: timedelta
    now: datetime

    @property
    def ends_at(self) -> datetime | None:
        facts = self.holding.certificate
        return None if facts is None else facts.not_after

    @property
    def names(self) -> tuple[str | None, tuple[str, ...]]:
        """Subject and subjectAltName: of the certificate, or of what was asked for, as far as it is kept."""
        facts = self.holding.certificate
        if facts is not None:
            return facts.subject, facts.subject_alternative_name
        request = request_of(self.holding.submission)
        if request is None:
            return None, ()
        return str(request.subject), tuple(f"{n.type}:{n.value}" for n in request.subject_alternative_name)

    @property
    def ca_request_id(self) -> str | None:
        match self.holding.submission.outcome:
            case Answered(ca_request_id=known) | UnderSubmission(ca_request_id=known):
                return known
            case _:
                return None


# --- the table ------------------------------------------------------------------------------------------------------


def _print_table(rows: Sequence[_Row], *, with_advice: bool) -> None:
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(_HEADINGS))]
    for line, row in zip(cells, [None, *rows], strict=True):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        for detail in _details(row, with_advice=with_advice) if row is not None else ():
            print(f"    {_visible(detail)}")


def _cells(row: _Row) -> tuple[str, ...]:
    line = row.holding.submission
    subject, _ = row.names
    ends = "-" if row.ends_at is None else _time(row.ends_at)
    cells = (row.holding.stage, ends, row.holding.partner or "-", line.account, line.template, subject or "?")
    return tuple(map(_visible, cells))


def _details(row: _Row, *, with_advice: bool) -> Iterator[str]:
    holding = row.holding
    line = holding.submission
    _, others = row.names
    if others:
        yield ", ".join(others)
    at_ca = f", there {row.ca_request_id}" if row.ca_request_id is not None else ""
    yield f"request {line.request_id} to {line.ca}{at_ca}, by {line.service}, sent {_time(line.submitted_at)}"
    if holding.certificate is not None:
        yield f"serial number {holding.certificate.serial_number}, SHA-256 {holding.certificate.sha256}"
        if holding.is_silent:
            since = soon_from(holding.certificate, row.warn)
            yield f"SILENT: ends soon since {_time(since)}, last tried {_time(holding.tried_at)}"
    if isinstance(line.outcome, Withheld):
        yield f"SHA-256 {line.outcome.sha256}: the line `withheld` of the audit record has the certificate"
    if holding.renewed_by is not None:
        yield f"renewed by request {holding.renewed_by}"
    if with_advice:
        yield from advice(line, row.now)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def _visible(text: str) -> str:
    """Names come from clients: nothing of them may command the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


# --- for programs ---------------------------------------------------------------------------------------------------


def _fields(row: _Row) -> dict[str, object]:
    """Keys as in the audit record; what is not known is null."""
    holding = row.holding
    line = holding.submission
    subject, others = row.names
    facts = holding.certificate
    return {
        "request_id": line.request_id,
        "stage": holding.stage,
        "partner": holding.partner,
        "account": line.account,
        "template": line.template,
        "service": line.service,
        "ca": line.ca,
        "ca_request_id": row.ca_request_id,
        "submitted_at": _seconds(line.submitted_at),
        "subject": subject,
        "subject_alternative_name": others,
        "certificate": facts
        and {
            "sha256": facts.sha256,
            "serial_number": facts.serial_number,
            "issuer": facts.issuer,
            "not_before": _seconds(facts.not_before),
            "not_after": _seconds(facts.not_after),
        },
        "withheld_sha256": line.outcome.sha256 if isinstance(line.outcome, Withheld) else None,
        "renews_sha256": line.renews,
        "renewed_by": holding.renewed_by,
        "tried_at": _seconds(holding.tried_at),
        "silent": holding.is_silent,
        "advice": [*advice(line, row.now)] if holding.stage is Stage.IN_DOUBT else None,
    }


def _seconds(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
