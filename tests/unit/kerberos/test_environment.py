import asyncio
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import gssapi
import krb5
import pytest

from gateway.kerberos import environment
from tests.fakes.kdc import FakeKdc
from tests.kerberos_realms import kept_environment

KERBEROS = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2")


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with kept_environment():
        yield


def prepare(directory: Path, *, port: int = 9) -> None:
    realms = {"CORP.EXAMPLE": ("127.0.0.1", port), "OTHER.EXAMPLE": ("127.0.0.1", 10)}
    environment.prepare(directory, realms, {"CES.corp.example": "CORP.EXAMPLE", "ces.other.example": "OTHER.EXAMPLE"})


def test_the_library_reads_the_gateways_own_file(tmp_path: Path) -> None:
    prepare(tmp_path / "kerberos")

    assert os.environ["KRB5_CONFIG"] == str(tmp_path / "kerberos" / "krb5.conf")
    assert krb5.get_default_realm(krb5.init_context()) == b"CORP.EXAMPLE"


async def ask(kdc: FakeKdc, directory: Path) -> None:
    prepare(directory, port=int(kdc.address.rpartition(":")[2]))
    context = krb5.init_context()
    alice = krb5.parse_name_flags(context, b"alice@CORP.EXAMPLE")
    options = krb5.get_init_creds_opt_alloc(context)
    await asyncio.to_thread(krb5.get_init_creds_password, context, alice, options, b"secret")


async def test_the_library_asks_the_relay(tmp_path: Path) -> None:
    async with FakeKdc("CORP.EXAMPLE", passwords={"alice": "secret"}) as kdc:
        await ask(kdc, tmp_path)

    assert len(kdc.requests) == 1


async def test_a_clock_that_is_wrong_is_not_worked_around(tmp_path: Path) -> None:
    async with FakeKdc("CORP.EXAMPLE", passwords={"alice": "secret"}) as kdc:
        kdc.ahead = timedelta(minutes=10)

        with pytest.raises(krb5.Krb5Error, match="Clock skew"):
            await ask(kdc, tmp_path)


def test_only_the_owner_may_look_into_it(tmp_path: Path) -> None:
    (tmp_path / "kerberos").mkdir(mode=0o755)

    prepare(tmp_path / "kerberos")

    assert stat.S_IMODE((tmp_path / "kerberos").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "kerberos" / "krb5.conf").stat().st_mode) == 0o600


def test_nothing_is_found_where_the_library_would_look_by_itself(tmp_path: Path) -> None:
    prepare(tmp_path)
    context = krb5.init_context()

    assert krb5.cc_default_name(context).startswith(b"MEMORY:")
    assert krb5.kt_default_name(context) == f"FILE:{tmp_path}/no.keytab".encode()
    assert krb5.kt_client_default(context).name == f"{tmp_path}/no.keytab".encode()
    assert not (tmp_path / "no.keytab").exists()


@pytest.mark.parametrize(
    "variable",
    [
        "KRB5_KTNAME",
        "KRB5_CLIENT_KTNAME",
        "KRB5_TRACE",
        "KRB5RCACHETYPE",
        "GSS_MECH_CONFIG",
        "GSS_USE_PROXY",
        "SASL_PATH",
        "LDAPCONF",
        "LDAPRC",
        "LDAPNOINIT",
        "LDAPURI",
    ],
)
def test_what_the_machine_would_tell_the_libraries_is_taken_away(tmp_path: Path, variable: str) -> None:
    os.environ[variable] = "/etc/somewhere/else"

    prepare(tmp_path)

    assert variable not in os.environ


def test_other_variables_stay(tmp_path: Path) -> None:
    os.environ["PATH_OF_SOMEBODY"] = "/usr/bin"

    prepare(tmp_path)

    assert os.environ["PATH_OF_SOMEBODY"] == "/usr/bin"


@pytest.mark.parametrize(
    ("host", "principal"),
    [
        ("ces.corp.example", b"HTTP/ces.corp.example@CORP.EXAMPLE"),
        ("ces.other.example", b"HTTP/ces.other.example@OTHER.EXAMPLE"),
        ("localhost", b"HTTP/localhost@"),
    ],
)
def test_a_services_name_is_its_host_as_it_was_given(tmp_path: Path, host: str, principal: bytes) -> None:
    prepare(tmp_path)

    name = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service).canonicalize(KERBEROS)

    assert bytes(name) == principal


@pytest.mark.parametrize(
    "setting",
    [
        "dns_lookup_kdc = false",
        "dns_lookup_realm = false",
        "dns_uri_lookup = false",
        "dns_canonicalize_hostname = false",
        'qualify_shortname = ""',
        "rdns = false",
    ],
)
def test_dns_is_asked_for_nothing(tmp_path: Path, setting: str) -> None:
    """What a machine without DNS cannot show."""
    prepare(tmp_path)

    assert f"\n{setting}\n" in (tmp_path / "krb5.conf").read_text()


def test_ldap_does_not_ask_reverse_dns_for_the_servers_name(tmp_path: Path) -> None:
    prepare(tmp_path)

    assert os.environ["LDAPSASL_NOCANON"] == "on"
    assert os.environ["LDAPNETWORK_TIMEOUT"] == "1"


def test_it_can_be_prepared_anew(tmp_path: Path) -> None:
    prepare(tmp_path, port=9)
    prepare(tmp_path, port=11)

    assert "kdc = 127.0.0.1:11\n" in (tmp_path / "krb5.conf").read_text()
