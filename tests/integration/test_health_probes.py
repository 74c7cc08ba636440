"""What the gateway asks of its own accord, of the lab's services of each kind: they are well, and nothing is left."""

import asyncio
import re
from pathlib import Path
from typing import Any

from gateway.lab.world import World
from tests.stand import a_stand


def _probed_often(content: dict[str, Any]) -> None:
    for service in content["services"]:
        # One failure would do.
        service["health"] = {"probe_seconds": 0.2, "failures": 1, "first_pause_seconds": 60}


async def test_services_that_work_pass_their_probes_and_no_ca_has_a_row_of_them(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path, _probed_often) as stand:
        while len({request.raw_path for request in stand.lab.received}) < 6 or len(stand.lab.received) < 18:  # noqa: ASYNC110
            await asyncio.sleep(0)
        metrics = stand.app.metrics.render().decode()

    assert re.findall(r"ces_gateway_upstream_healthy\{.*\} (\S+)", metrics) == ["1.0"] * 6
    assert all(not authority.requests for authority in stand.lab.authorities.values())
    # With a certificate of its own, GetPolicies has its answer; who asks without any is told so by a fault.
    statuses = {request.status for request in stand.lab.received if "_CEP_Certificate" in request.raw_path}
    assert statuses == {200}
