"""The one KDC that the Kerberos library knows: a relay on loopback, which asks the real ones (decision 0012).

MIT's library waits 18 to 27 s for a KDC that is silent, and no setting bounds that; but it gives up at once when its
connection is closed. So the relay has the deadlines, the failover, and the memory of who failed.

It runs on the gateway's event loop: whoever asks a KDC does so in a thread (`gateway.kerberos.workers`), or both wait
for each other.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from gateway.kerberos.kdc import MAX_REQUEST, Kdc, NoAnswer, TooLong, read_message, write_message

_AS_REQ = b"\x6a"
"""[APPLICATION 10] (RFC 4120 5.4.1)."""
_PROOFS = (b"\xa1\x03\x02\x01\x02", b"\xa1\x04\x02\x02\x00\x8a")
"""padata-type of PA-ENC-TIMESTAMP (2) and PA-ENCRYPTED-CHALLENGE (138), as PA-DATA has them (RFC 4120 5.2.7)."""

_LAST_FOR = 30.0
"""Seconds for which a KDC that failed is asked last."""


class KdcOutcome(StrEnum):
    """Of one exchange, with all the KDCs that it took."""

    ANSWERED = "answered"
    """With a ticket or with an error: what it says is the library's matter."""
    UNREACHABLE = "unreachable"
    """None accepted a connection, whether it refused or never reacted: the detail says which."""
    SILENT = "silent"
    """At least one accepted a connection, and then gave no answer that could be used in time."""


@dataclass(frozen=True, slots=True)
class KdcTrouble:
    """Why an exchange had no answer."""

    outcome: KdcOutcome
    detail: str
    """What each KDC did."""


class KdcRelay:
    """Of one realm."""

    def __init__(
        self,
        kdcs: Sequence[str],
        kdc_seconds: float,
        total_seconds: float,
        on_exchange: Callable[[KdcOutcome, float], None],
    ) -> None:
        """`kdcs` as in KerberosSettings, in the order of preference.

        One KDC may take `kdc_seconds` for one exchange, from the look-up of its name to the last byte, and all together
        `total_seconds`. `on_exchange` is told each outcome and the seconds that it took. Raises ValueError.
        """
        # Not the loop's own threads: a name server that is silent would take them all, and other realms' with them.
        self._resolver = ThreadPoolExecutor(2, thread_name_prefix="kdc-names")
        self._kdcs = [Kdc(text, self._resolver) for text in kdcs]
        self._kdc_seconds = kdc_seconds
        self._total_seconds = total_seconds
        self._on_exchange = on_exchange
        self._failed_at: dict[Kdc, float] = {}
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._is_stopped = False
        self.exchanges = 0
        """Requests relayed so far."""
        self.trouble: KdcTrouble | None = None
        """Of the last exchange; None when it was answered."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, between `start` and `stop`."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return host, port

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything; who waits for an answer gets none."""
        self._is_stopped = True
        if self._server is not None:
            self._server.close()
        serving = dict(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        # Also of those whose task was cancelled before it began.
        await asyncio.gather(*map(_closed, serving.values()))
        self._resolver.shutdown(wait=False, cancel_futures=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_stopped:
            # It was on its way through the loop while the server closed: nobody would close it any more.
            writer.transport.abort()
            return
        # Kept here until it ends, and awaited by `stop`.
        task = asyncio.create_task(self._serve(reader, writer))  # noqa: TID251 -- see above
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. RFC 4120 7.2.2 allows several requests on it; libraries make a connection for each."""
        try:
            async with asyncio.timeout(self._total_seconds):
                request = await read_message(reader, MAX_REQUEST)
            answer = await self._relay(request)
            if answer is not None:
                write_message(writer, answer)
                await writer.drain()
        except (TimeoutError, TooLong, EOFError, OSError):
            # Not a request, or nobody there any more who waits for the answer.
            pass
        finally:
            await _closed(writer)

    async def _relay(self, request: bytes) -> bytes | None:
        """The answer, or None without one; the outcome is told either way."""
        self.exchanges += 1
        now = asyncio.get_running_loop().time
        started = now()
        failures: list[tuple[Kdc, NoAnswer]] = []
        answer = await self._first_answer(request, started + self._total_seconds, failures)
        self.trouble = None if answer is not None else _trouble(failures, self._kdcs)
        self._on_exchange(self.trouble.outcome if self.trouble else KdcOutcome.ANSWERED, now() - started)
        return answer

    async def _first_answer(self, request: bytes, end: float, failures: list[tuple[Kdc, NoAnswer]]) -> bytes | None:
        now = asyncio.get_running_loop().time
        for kdc in sorted(self._kdcs, key=self._has_just_failed):
            seconds = min(self._kdc_seconds, end - now())
            if seconds <= 0:
                break
            try:
                answer = await kdc.ask(request, seconds)
            except NoAnswer as failure:
                self._failed_at[kdc] = now()
                failures.append((kdc, failure))
                if failure.was_reached and _shows_a_proof(request):
                    # It may have counted a wrong password, and the next one would count it again. The next request
                    # begins at the next one.
                    break
            else:
                self._failed_at.pop(kdc, None)
                return answer
        return None

    def _has_just_failed(self, kdc: Kdc) -> bool:
        failed_at = self._failed_at.get(kdc)
        return failed_at is not None and asyncio.get_running_loop().time() < failed_at + _LAST_FOR


def _shows_a_proof(request: bytes) -> bool:
    """Whether this is an AS-REQ that a password or a key could be wrong in."""
    return request.startswith(_AS_REQ) and any(proof in request for proof in _PROOFS)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _trouble(failures: list[tuple[Kdc, NoAnswer]], kdcs: list[Kdc]) -> KdcTrouble:
    asked = dict(failures)
    was_reached = any(failure.was_reached for failure in asked.values())
    return KdcTrouble(
        KdcOutcome.SILENT if was_reached else KdcOutcome.UNREACHABLE,
        "; ".join(f"{kdc.text} {asked.get(kdc, 'was not asked, since time was up')}" for kdc in kdcs),
    )
