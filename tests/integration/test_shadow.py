"""A candidate judges beside the policies that count, and nothing comes of it but lines and numbers."""

import shutil
from pathlib import Path

from gateway.lab.world import World
from tests.requests import a_new_request
from tests.stand import a_stand


def a_request(name: str = "www.partner-a.example") -> bytes:
    return a_new_request(name)


async def test_a_candidate_in_the_shadow_is_recorded_and_counted_and_decides_nothing(
    world: World, tmp_path: Path
) -> None:
    candidate = tmp_path / "candidate"
    shutil.copytree(Path(__file__).parents[2] / "policies", candidate)
    file = candidate / "PartnerWebServer.yaml"
    file.write_text(file.read_text().replace("{suffix: .partner-a.example}", "{suffix: .example}"))

    async with a_stand(world, tmp_path, lambda content: content.update(shadow_policies=str(candidate))) as stand:
        allowed = await stand.post(stand.issue(a_request()))
        refused = await stand.post(stand.issue(a_request("www.victim.example")))
        file.write_text("template: [")
        stand.app.reload()
        await stand.post(stand.issue(a_request("www.victim.example")))
        file.unlink()
        stand.app.reload()
        await stand.post(stand.issue(a_request()))
        metrics = stand.app.metrics.render().decode()

    assert (allowed.status, refused.status) == (200, 500)
    shadows = [line.get("shadow", {}).get("difference") for line in stand.audit("approved", "refused")]
    assert shadows == [None, "would_allow", "would_allow", "would_refuse"]
    series = 'ces_gateway_shadow_differences_total{difference="would_allow",policy="PartnerWebServer"}'
    assert f"{series} 2.0" in metrics


async def test_mistakes_of_a_candidate_do_not_stop_the_gateway(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path, lambda content: content.update(shadow_policies="nowhere")) as stand:
        answer = await stand.post(stand.issue(a_request()))

    assert answer.status == 200
    assert "shadow" not in stand.audit("approved")[0]
