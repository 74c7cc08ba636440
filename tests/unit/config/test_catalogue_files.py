from pathlib import Path
from typing import Any

import pytest

from gateway.config.catalogue_files import objections_of
from gateway.policy.catalogue import Catalogue
from tests.templates import a_catalogue_template
from tests.unit.config.samples import load

FITTING = "{commonName: PartnerWebServer, oid: 1.2.3, cAs: [Corp Issuing CA 1]}"
OF_ANOTHER_CA = "{commonName: PartnerWebServer, oid: 1.2.3, cAs: [Another CA]}"


@pytest.fixture
def with_catalogue(tmp_path: Path, content: dict[str, Any]) -> dict[str, Any]:
    return content | {"catalogue": {"file": "catalogue.yaml"}}


def test_a_catalogue_that_is_not_there_yet_objects_to_nothing(tmp_path: Path, with_catalogue: dict[str, Any]) -> None:
    checked = load(tmp_path, with_catalogue)

    assert (checked.warnings, checked.catalogue_mistakes) == ((), ())


def test_a_fitting_template_is_no_objection(tmp_path: Path, with_catalogue: dict[str, Any]) -> None:
    (tmp_path / "catalogue.yaml").write_text(f"templates: [{FITTING}]")

    checked = load(tmp_path, with_catalogue)

    assert (checked.warnings, checked.catalogue_mistakes) == ((), ())
    assert checked.policies.known_names == {"1.2.3": "PartnerWebServer"}


def test_a_policy_in_vain_is_told_with_its_line_and_does_not_keep_the_gateway_from_its_start(
    tmp_path: Path, with_catalogue: dict[str, Any]
) -> None:
    (tmp_path / "catalogue.yaml").write_text(f"templates: [{OF_ANOTHER_CA}]")

    (mistake,) = load(tmp_path, with_catalogue).catalogue_mistakes

    assert (mistake.file, mistake.line) == (str(tmp_path / "policies" / "web.yaml"), 2)
    assert "is issued by Another CA" in mistake.message


def test_what_may_be_meant_so_is_a_warning(tmp_path: Path, with_catalogue: dict[str, Any]) -> None:
    (tmp_path / "catalogue.yaml").write_text("templates: [{commonName: Other, oid: 1.2.3}]")

    (warning,) = load(tmp_path, with_catalogue).warnings

    assert warning.startswith(f"{tmp_path / 'policies' / 'web.yaml'}:2: template.name: the catalogue knows no template")


def test_the_mistakes_of_the_file_itself_are_told(tmp_path: Path, with_catalogue: dict[str, Any]) -> None:
    (tmp_path / "catalogue.yaml").write_text("templates: [{commonName: A}]")

    (mistake,) = load(tmp_path, with_catalogue).catalogue_mistakes

    assert "templates.0.oid: missing" in str(mistake)


def test_the_directory_of_the_file_must_be_there(tmp_path: Path, with_catalogue: dict[str, Any]) -> None:
    with_catalogue["catalogue"]["file"] = "absent/catalogue.yaml"

    with pytest.raises(Exception, match=r"catalogue\.file: the directory .*absent does not exist"):
        load(tmp_path, with_catalogue)


def test_a_policy_file_that_has_gone_meanwhile_is_told_of_without_its_line(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    checked = load(tmp_path, content)
    (tmp_path / "policies" / "web.yaml").unlink()

    catalogue = Catalogue((a_catalogue_template(cas=("Another CA",), extended_key_usage=None, minimal_key_length=256),))
    (mistake,) = objections_of(checked.configuration, checked.policies, catalogue).mistakes

    assert (mistake.file, mistake.line) == (str(tmp_path / "policies" / "web"), 0)
