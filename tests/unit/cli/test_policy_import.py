from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.policy.load import load_policies
from tests.unit.policy.tamemycerts.samples import a_policy

WHO = ("--account", "partner-a", "--authentication", "Certificate")


def import_of(folder: Path, xml: bytes, *options: str) -> int:
    file = folder / "PartnerWebServer.xml"
    file.write_bytes(xml)
    return main(["policy", "import-tamemycerts", *options, str(file)])


def test_a_policy_file_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_of(tmp_path, a_policy("<MinimumKeyLength>2048</MinimumKeyLength>"), *WHO) == 0

    printed = capsys.readouterr()
    (policy,) = load_policies([("PartnerWebServer.yaml", printed.out)]).policies
    assert policy.template.name == "PartnerWebServer"
    assert printed.err == "note: key: taken for RSA, for its length; the original asks the template\n"


def test_what_is_to_be_decided_is_told_and_the_answer_is_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--template", "Other", "--oid", "1.2.3", "--key-algorithm", "EC")
    assert import_of(tmp_path, a_policy(), *options) == 1

    printed = capsys.readouterr()
    assert "name: Other\n  oid: '1.2.3'" in printed.out
    assert printed.err.startswith("to decide: account: who may request")


def test_a_mistake_in_the_original_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_of(tmp_path, a_policy("<A/>")) == 1

    assert capsys.readouterr().err.endswith(
        "PartnerWebServer.xml:6: A: CertificateRequestPolicy of TameMyCerts has no such element\n"
    )
