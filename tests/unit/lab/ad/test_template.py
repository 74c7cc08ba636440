"""When a domain is made, and when a copy will do. The program that makes it is another one here."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.lab.ad import debian, template
from gateway.lab.ad.debian import DomainUnavailable
from gateway.lab.ad.population import CORP, WOODGROVE

SUCCEEDS, FAILS = Path("/bin/true"), Path("/bin/false")


@pytest.fixture(autouse=True)
def _a_machine_with_samba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "demand_samba", lambda: None)
    monkeypatch.setattr(template, "samba_version", lambda: b"Version 4.17.12")
    monkeypatch.setattr(template, "PYTHON", SUCCEEDS)


def templates_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_dir())


def test_a_domain_is_made_once_and_copied_ever_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "first")
    monkeypatch.setattr(template, "PYTHON", FAILS)
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "second")

    assert template.read_passwords(tmp_path / "first") == template.read_passwords(tmp_path / "second")


def test_every_account_has_a_password_of_its_own(tmp_path: Path) -> None:
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "corp")

    passwords = template.read_passwords(tmp_path / "corp")
    assert passwords.keys() == {account.name for account in CORP.accounts}
    assert len(set(passwords.values())) == len(passwords)


def test_a_template_is_its_owners_alone(tmp_path: Path) -> None:
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "corp")

    (made,) = (tmp_path / "templates").glob("CORP*")
    assert made.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "corp").stat().st_mode & 0o777 == 0o700


def test_another_description_makes_another_template_instead(tmp_path: Path) -> None:
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "first")
    before = templates_in(tmp_path / "templates")
    template.copy_template(replace(CORP, lockout_threshold=5), tmp_path / "templates", tmp_path / "second")

    after = templates_in(tmp_path / "templates")
    assert len(before) == len(after) == 1
    assert before != after


def test_another_samba_makes_another_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "first")
    before = templates_in(tmp_path / "templates")
    monkeypatch.setattr(template, "samba_version", lambda: b"Version 4.22.0")
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "second")

    assert templates_in(tmp_path / "templates") != before


def test_templates_of_two_realms_stay(tmp_path: Path) -> None:
    template.copy_template(CORP, tmp_path / "templates", tmp_path / "corp")
    template.copy_template(WOODGROVE, tmp_path / "templates", tmp_path / "woodgrove")

    realms = [name.rpartition("-")[0] for name in templates_in(tmp_path / "templates")]
    assert realms == ["CORP.FABRIKAM.EXAMPLE", "WOODGROVE.EXAMPLE"]


def test_a_domain_that_cannot_be_made_leaves_no_template_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template, "PYTHON", FAILS)
    with pytest.raises(DomainUnavailable, match=r"CORP.FABRIKAM.EXAMPLE could not be made: .*samba-ad-dc"):
        template.copy_template(CORP, tmp_path / "templates", tmp_path / "first")
    monkeypatch.setattr(template, "PYTHON", SUCCEEDS)

    template.copy_template(CORP, tmp_path / "templates", tmp_path / "second")

    assert not any(name.endswith("unfinished") for name in templates_in(tmp_path / "templates"))


def test_the_program_is_told_all_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program"
    told = tmp_path / "told.json"
    program.write_text(f"#!/bin/sh\ncat > {told}\n")
    program.chmod(0o700)
    monkeypatch.setattr(template, "PYTHON", program)

    template.copy_template(CORP, tmp_path / "templates", tmp_path / "corp")

    description = json.loads(told.read_text())
    (gateway,) = (account for account in description["accounts"] if account["name"] == "svc-gateway")
    assert description["realm"] == CORP.realm
    assert gateway["has_keytab"]
    assert gateway["password"] == template.read_passwords(tmp_path / "corp")["svc-gateway"]


def test_a_user_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "_NEEDED", ())
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(DomainUnavailable, match="needs root"):
        debian.demand_samba()


def test_a_machine_without_samba_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "_NEEDED", (Path("/usr/sbin/no-samba"),))

    with pytest.raises(DomainUnavailable, match="no /usr/sbin/no-samba: install the Debian packages samba-ad-dc"):
        debian.demand_samba()
