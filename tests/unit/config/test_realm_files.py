"""What `check-config` sees of a realm without asking anybody."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.strict_yaml import Mistaken
from tests.silver_tickets import Service, a_keytab
from tests.unit.config.samples import HOST, PRINCIPALS, REALM, a_configuration_with_a_realm, load


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    return a_configuration_with_a_realm(tmp_path)


@pytest.fixture
def keytab(tmp_path: Path, content: dict[str, Any]) -> Path:
    return tmp_path / str(content["realms"][0]["kerberos"]["keytab"])


def keys_of(*principals: str, realm: str = REALM) -> bytes:
    return a_keytab(*(Service(principal, realm, b"k" * 32) for principal in principals))


@pytest.mark.parametrize("package", ["gssapi", "krb5", "bonsai"])
def test_realms_without_the_extra_are_a_mistake_that_names_it(
    tmp_path: Path, content: dict[str, Any], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(Mistaken, match=r"realms: needs Kerberos: pip install ces-gateway\[kerberos\]") as caught:
        load(tmp_path, content)

    assert package in str(caught.value)


def test_who_has_no_realms_needs_no_extra(tmp_path: Path, content: dict[str, Any]) -> None:
    del content["realms"]
    content["services"] = content["services"][:2]
    load(tmp_path, content)
    check = (
        "import sys; sys.modules |= dict.fromkeys(['gssapi', 'krb5', 'bonsai']);"
        "from gateway.config import load_configuration; from datetime import UTC, datetime; from pathlib import Path;"
        f"load_configuration(Path('{tmp_path}/gateway.yaml'), datetime.now(UTC))"
    )

    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_keytab_that_is_not_there_is_a_mistake(tmp_path: Path, content: dict[str, Any], keytab: Path) -> None:
    keytab.unlink()

    with pytest.raises(Mistaken, match=r"realms\.0\.kerberos\.keytab: .* does not exist"):
        load(tmp_path, content)


def test_a_file_that_is_no_keytab_is_a_mistake(tmp_path: Path, content: dict[str, Any], keytab: Path) -> None:
    keytab.write_text("no keytab")

    with pytest.raises(Mistaken, match=r"realms\.0\.kerberos\.keytab: .* cannot be read"):
        load(tmp_path, content)


@pytest.mark.parametrize(
    ("content_of_keytab", "found"),
    [
        (keys_of(), "nobody"),
        (keys_of("svc-other"), f"svc-other@{REALM}"),
        (keys_of("svc-gateway", realm="OTHER.EXAMPLE"), "svc-gateway@OTHER.EXAMPLE"),
    ],
)
def test_a_keytab_without_the_account_s_key_is_a_mistake_that_says_whose_it_has(
    tmp_path: Path, content: dict[str, Any], keytab: Path, content_of_keytab: bytes, found: str
) -> None:
    keytab.write_bytes(content_of_keytab)

    with pytest.raises(Mistaken, match=f"keytab: has no key of svc-gateway@{REALM}, but of {found}"):
        load(tmp_path, content)


def test_a_keytab_with_two_versions_of_its_keys_is_right(tmp_path: Path, content: dict[str, Any], keytab: Path) -> None:
    keytab.write_bytes(a_keytab(*(Service(name, REALM, b"k" * 32, kvno) for name in PRINCIPALS for kvno in (4, 5))))

    assert load(tmp_path, content).warnings == ()


def test_a_keytab_that_everybody_can_read_is_a_warning(tmp_path: Path, content: dict[str, Any], keytab: Path) -> None:
    keytab.chmod(0o644)

    (warning,) = load(tmp_path, content).warnings

    assert warning.startswith("realms.0.kerberos.keytab: everybody on this machine can read it")


def test_a_keytab_without_the_spn_of_a_kerberos_service_is_a_warning(
    tmp_path: Path, content: dict[str, Any], keytab: Path
) -> None:
    keytab.write_bytes(keys_of("svc-gateway", "HTTP/other.partner.example"))

    (warning,) = load(tmp_path, content).warnings

    assert f"has no key of HTTP/{HOST}" in warning


def test_a_realm_that_no_service_uses_is_a_warning(tmp_path: Path, content: dict[str, Any]) -> None:
    content["services"] = content["services"][:2]

    (warning,) = load(tmp_path, content).warnings

    assert warning == f"realms.0: no service uses {REALM}"


@pytest.mark.parametrize(("part", "setting"), [("kerberos", "kdcs"), ("directory", "servers")])
@pytest.mark.parametrize("address", ["dc1:port", "dc1:0", "dc1:99999", ":88"])
def test_what_cannot_be_an_address_is_a_mistake(
    tmp_path: Path, content: dict[str, Any], part: str, setting: str, address: str
) -> None:
    content["realms"][0][part][setting].append(address)

    with pytest.raises(Mistaken, match=rf"realms\.0\.{part}\.{setting}: .* is not host, host:port"):
        load(tmp_path, content)
