"""The operators' listener: metrics, liveness and readiness over plain HTTP, on loopback unless configured otherwise."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from aiohttp import web

from gateway.strict_yaml import Settings
from gateway.telemetry import Metrics
from gateway.web.tls import IPAddress, Port

_KEEPALIVE_SECONDS = 75.0


class ManagementSettings(Settings):
    """Where operators and their tools ask. There is no authentication: keep it inside."""

    address: IPAddress = "127.0.0.1"
    port: Port = 9090
    """0 lets the system choose."""


class Management:
    """Answers `/metrics`, `/livez` and `/readyz`."""

    def __init__(
        self,
        settings: ManagementSettings,
        metrics: Metrics,
        checks: Mapping[str, Callable[[], bool]],
        troubles: Mapping[str, Callable[[], str | None]] = MappingProxyType({}),
    ) -> None:
        """`checks` say by name whether a part of the gateway can do its work; `troubles`, what somebody should look at
        although it still can.
        """
        self.address = settings.address
        self.port = settings.port
        """The real one after `start`."""
        self._metrics = metrics
        self._checks = checks
        self._troubles = troubles
        self._runner: web.AppRunner | None = None

    async def start(self) -> tuple[str, int]:
        """Bind and serve; the address and the port as they really are. Raises OSError if they are taken."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/metrics", self._get_metrics),
                web.get("/livez", self._get_livez),
                web.get("/readyz", self._get_readyz),
            ]
        )
        application.on_response_prepare.append(_without_version)
        runner = web.AppRunner(application, access_log=None, keepalive_timeout=_KEEPALIVE_SECONDS)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, self.address, self.port).start()
        self.port = runner.addresses[0][1]
        return self.address, self.port

    async def stop(self) -> None:
        """Close the listener and its connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _get_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": self._metrics.content_type})

    async def _get_livez(self, _request: web.Request) -> web.Response:
        """200 as long as the event loop turns."""
        return web.Response()

    async def _get_readyz(self, _request: web.Request) -> web.Response:
        """200 if every check passes, else 503; the body names them all, and what is in trouble."""
        states = {name: check() for name, check in self._checks.items()}
        troubles = {name: trouble for name, tell in self._troubles.items() if (trouble := tell()) is not None}
        body = {"checks": [{"name": name, "ready": ready} for name, ready in states.items()], "troubles": troubles}
        return web.json_response(body, status=200 if all(states.values()) else 503, dumps=json.dumps)


async def _without_version(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "ces-gateway"
