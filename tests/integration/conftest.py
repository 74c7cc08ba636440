from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.lab.world import World, create_world
from tests.certificates import Authority, an_authority
from tests.stand import Stand, a_stand


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once: certificates and passwords do not change."""
    return create_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
async def stand(world: World, tmp_path: Path) -> AsyncIterator[Stand]:
    """The lab, and the gateway before it with the lab's own configuration."""
    async with a_stand(world, tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of scripted internal services."""
    return an_authority(tmp_path_factory.mktemp("inside"), "Inside Root CA")
