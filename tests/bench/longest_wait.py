"""`python -m tests.bench.longest_wait PORT`: how long the gateway let somebody wait who asked for next to nothing.

Asks the management listener for /livez, which the event loop answers by itself, again and again until its standard
input ends; then prints the longest wait in seconds. In a process of its own, so as not to wait for its caller.
"""

import asyncio
import http.client
import select
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_PAUSE = 0.002
"""Seconds between two questions: often enough to meet every gap that matters, and hardly any load."""


@asynccontextmanager
async def watching(port: int) -> AsyncIterator[list[float]]:
    """The longest wait during the block is in the list after it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(port), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    waits: list[float] = []
    try:
        yield waits
    finally:
        output, _ = await process.communicate(b"")
    waits.append(float(output))


def main(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    longest = 0.0
    print("watching", flush=True)
    while not select.select([sys.stdin], [], [], _PAUSE)[0]:
        begun = time.monotonic()
        connection.request("GET", "/livez")
        connection.getresponse().read()
        longest = max(longest, time.monotonic() - begun)
    print(longest)


if __name__ == "__main__":
    main(int(sys.argv[1]))
