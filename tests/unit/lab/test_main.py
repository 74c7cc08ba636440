"""The lab as its own process."""

import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path

import pytest

from gateway.lab.world import create_world, open_world


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.lab", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_is_and_serves_until_the_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = await _start(str(tmp_path / "lab"), "--published-host", "localhost")
    assert process.stdout is not None
    addresses = json.loads(await process.stdout.readline())
    world = open_world(tmp_path / "lab")
    assert addresses["directory"] == str(world.directory)
    port = addresses["ports"]["UsernamePassword"]
    assert addresses["ces"]["Fabrikam Issuing CA 1"]["UsernamePassword"] == (
        f"https://localhost:{port}/Fabrikam%20Issuing%20CA%201_CES_UsernamePassword/service.svc/CES"
    )
    assert addresses["cep"]["Certificate"].startswith(f"https://localhost:{addresses['ports']['Certificate']}/")

    tls = ssl.create_default_context(cafile=world.internal_ca)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
    writer.close()
    await writer.wait_closed()
    process.send_signal(number)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_a_world_that_is_there_is_used(tmp_path: Path) -> None:
    world = create_world(tmp_path)
    process = await _start(str(tmp_path))
    assert process.stdout is not None
    await process.stdout.readline()
    process.terminate()
    await process.communicate()
    assert open_world(tmp_path) == world


async def test_an_expired_world_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    manifest = create_world(tmp_path).directory / "world.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"expires": "2020-01-01T00:00:00+00:00"}))
    process = await _start(str(tmp_path))
    output, errors = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert b"remove it and create a new one" in errors
