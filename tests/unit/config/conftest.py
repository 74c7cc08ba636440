from pathlib import Path
from typing import Any

import pytest

from tests.unit.config.samples import a_configuration


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    """A right configuration in `tmp_path`, without Kerberos."""
    return a_configuration(tmp_path)
