"""What check-config sees of the certification authorities."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.strict_yaml import Mistaken
from tests.authorities import TestAuthority, pem
from tests.unit.config.samples import load

CA = TestAuthority(not_after=datetime(2126, 1, 1, tzinfo=UTC))


@pytest.fixture
def authority(tmp_path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """The one of the configuration; its list is current."""
    now = datetime.now(UTC)
    (tmp_path / "ca.pem").write_bytes(pem(CA.certificate))
    (tmp_path / "ca.crl").write_bytes(CA.crl(this_update=now - timedelta(days=1), next_update=now + timedelta(days=6)))
    settings = {"name": "Corp Issuing CA 1", "certificates": "ca.pem", "crl": ["ca.crl", "http://pki.corp.example/1"]}
    content["certification_authorities"] = [settings]
    return settings


def test_an_authority_with_files_and_urls_is_right(
    tmp_path: Path, content: dict[str, Any], authority: dict[str, Any]
) -> None:
    checked = load(tmp_path, content)

    assert checked.warnings == ()
    assert checked.configuration.certification_authorities[0].crl == (
        tmp_path / authority["crl"][0],
        "http://pki.corp.example/1",
    )


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"certificates": "passwords"}, "certificates: no certificates of an authority in PEM"),
        ({"certificates": "absent.pem"}, "absent.pem does not exist"),
        ({"crl": ["absent.crl"]}, "absent.crl does not exist"),
        ({"crl": ["ca.pem"]}, "crl: .*ca.pem is not a revocation list"),
        ({"crl": ["ftp://pki.corp.example/1"]}, "does not exist"),
        ({"crl": "ca.crl"}, "crl: "),
        ({"refresh_minutes": 0}, "refresh_minutes: "),
        ({"name": ""}, "name: "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, content: dict[str, Any], authority: dict[str, Any], changes: dict[str, Any], mistake: str
) -> None:
    authority |= changes

    with pytest.raises(Mistaken, match=rf"certification_authorities\.0\..*{mistake}|{mistake}"):
        load(tmp_path, content)


def test_two_authorities_of_one_name_are_a_mistake(
    tmp_path: Path, content: dict[str, Any], authority: dict[str, Any]
) -> None:
    content["certification_authorities"].append({"name": authority["name"], "certificates": "ca.pem"})

    with pytest.raises(Mistaken, match=r"certification_authorities\.1\.name: Corp Issuing CA 1 stands here already"):
        load(tmp_path, content)


@pytest.mark.usefixtures("authority")
def test_a_list_that_is_over_is_a_warning(tmp_path: Path, content: dict[str, Any]) -> None:
    (tmp_path / "ca.crl").write_bytes(
        CA.crl(this_update=datetime(2026, 1, 1, tzinfo=UTC), next_update=datetime(2026, 1, 8, tzinfo=UTC))
    )

    (warning,) = load(tmp_path, content).warnings

    assert "ca.crl is of 2026-01-01 00:00 to 2026-01-08 00:00 UTC, not of now" in warning


def test_an_authority_without_a_list_is_a_warning(
    tmp_path: Path, content: dict[str, Any], authority: dict[str, Any]
) -> None:
    del authority["crl"]

    assert load(tmp_path, content).warnings == (
        "certification_authorities.0: has no crl, so that signers of it are always refused",
    )


@pytest.mark.usefixtures("authority")
def test_an_authority_whose_certificates_are_over_is_a_warning(tmp_path: Path, content: dict[str, Any]) -> None:
    over = TestAuthority(not_after=datetime(2026, 2, 1, tzinfo=UTC))
    (tmp_path / "ca.pem").write_bytes(pem(over.certificate))

    assert load(tmp_path, content).warnings == ("certification_authorities.0: none of the certificates is valid now",)
