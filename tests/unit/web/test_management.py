import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import ValidationError

from gateway.telemetry import Metrics
from gateway.web.management import Management, ManagementSettings


@asynccontextmanager
async def running(checks: dict[str, Callable[[], bool]]) -> AsyncIterator[Management]:
    management = Management(ManagementSettings(port=0), Metrics(version="1.2.3"), checks)
    await management.start()
    try:
        yield management
    finally:
        await management.stop()


async def get(management: Management, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    reader, writer = await asyncio.open_connection(management.address, management.port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    header, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(header.split()[1]), header.decode(), body


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    assert ManagementSettings() == ManagementSettings(address="127.0.0.1", port=9090)


def test_its_address_is_no_host_name() -> None:
    with pytest.raises(ValidationError):
        ManagementSettings(address="localhost")


async def test_the_real_address_is_told() -> None:
    management = Management(ManagementSettings(port=0), Metrics(), {})

    address, port = await management.start()
    await management.stop()

    assert (address, port) == (management.address, management.port)
    assert port != 0


async def test_a_gateway_that_runs_is_alive_whatever_it_is_ready_for() -> None:
    async with running({"audit": lambda: False}) as management:
        status, _, body = await get(management, "/livez")

    assert (status, body) == (200, b"")


async def test_a_gateway_whose_checks_pass_is_ready() -> None:
    async with running({"audit": lambda: True, "policies": lambda: True}) as management:
        status, _, body = await get(management, "/readyz")

    assert status == 200
    assert json.loads(body) == {
        "checks": [{"name": "audit", "ready": True}, {"name": "policies", "ready": True}],
        "troubles": {},
    }


async def test_one_check_that_fails_makes_it_unready_and_is_named() -> None:
    ready = True
    async with running({"audit": lambda: ready, "policies": lambda: True}) as management:
        ready = False
        status, _, body = await get(management, "/readyz")

    assert status == 503
    assert json.loads(body)["checks"][0] == {"name": "audit", "ready": False}


async def test_metrics_are_in_prometheus_text_format() -> None:
    async with running({}) as management:
        status, header, body = await get(management, "/metrics")

    assert status == 200
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in header
    assert b'ces_gateway_build_info{version="1.2.3"} 1.0' in body


@pytest.mark.parametrize("path", ["/", "/metrics/", "/debug", "/readyz/../metrics"])
async def test_there_is_nothing_else(path: str) -> None:
    async with running({}) as management:
        status, header, _ = await get(management, path)

    assert status == 404
    assert "Server: ces-gateway\r\n" in header + "\r\n"
    assert "aiohttp" not in header


async def test_it_only_tells() -> None:
    async with running({}) as management:
        assert (await get(management, "/metrics", "POST"))[0] == 405
