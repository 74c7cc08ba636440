"""A world and two CAs, made once; what has state is fresh for each test."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.lab.authority import CertificationAuthority
from gateway.lab.cmc import Signer
from gateway.lab.hierarchy import CA_1, CA_2, create_authorities
from gateway.lab.world import World, create_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return create_world(Path(tmp_path_factory.mktemp("lab")))


@pytest.fixture(scope="session")
def authorities(world: World) -> Mapping[str, CertificationAuthority]:
    return create_authorities(world.internal_root)


@pytest.fixture(scope="session")
def signer(authorities: Mapping[str, CertificationAuthority]) -> Signer:
    """Of the RSA CA."""
    return authorities[CA_1].signer


@pytest.fixture
def ca(authorities: Mapping[str, CertificationAuthority]) -> CertificationAuthority:
    """The RSA CA that publishes every template, with an empty table."""
    return CertificationAuthority(CA_1, authorities[CA_1].signer, first_request_id=10)


@pytest.fixture
def ca_2(authorities: Mapping[str, CertificationAuthority]) -> CertificationAuthority:
    """The P-256 CA that publishes some templates, with an empty table."""
    return CertificationAuthority(CA_2, authorities[CA_2].signer, authorities[CA_2].templates)
