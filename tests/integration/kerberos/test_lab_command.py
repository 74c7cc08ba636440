"""`ces-gateway lab --ad`, run as a user runs it: a domain, the lab in it, the gateway before it, and who comes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.main import main


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("lab")
    command = [sys.executable, "-m", "gateway", "lab", "--ad", "--once", "--directory", str(directory)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("how", ["by Kerberos", "by password", "by client certificate"])
def test_alice_gets_a_certificate_of_her_own_however_she_comes(output: str, how: str) -> None:
    issued = rf"certificate issued  CN=alice,CN=Users,DC=corp,DC=fabrikam,DC=example {how},\n.*\n"
    hers = r" +it is hers: alice@corp\.fabrikam\.example, S-1-5-21-[0-9-]+\n"

    assert re.search(issued + hers, output)


def test_alice_is_shown_what_she_may_enroll(output: str) -> None:
    assert "policy fetched      alice may enroll CorpUser\n" in output


def test_carol_is_refused_with_her_reason(output: str) -> None:
    refused = output.partition("request refused")[2]

    assert "account_sensitive (D51 in docs/diagnosis.md)" in refused
    assert "carol@corp.fabrikam.example" in refused


def test_the_audit_record_is_intact(output: str) -> None:
    assert "audit intact" in output


def test_a_machine_without_the_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.cli.lab_insiders", raising=False)
    monkeypatch.setitem(sys.modules, "gateway.lab.negotiate", None)

    assert main(["lab", "--ad", "--once", "--directory", str(tmp_path)]) == 1
    assert "--ad needs what `pip install ces-gateway[kerberos]` installs" in capsys.readouterr().err
