import pytest

from tests.certificates import Authority, an_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs servers and partners alike."""
    return an_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that nobody was told to trust."""
    return an_authority(tmp_path_factory.mktemp("other-authority"), "Stranger Root CA")
