"""The domain itself, as a client sees it."""

import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.lab.domain import CORP, Domain, DomainUnavailable
from gateway.lab.kerberos_client import KerberosClient, NoTicket
from tests.integration.kerberos.conftest import TEMPLATES

CES = "HTTP/ces.corp.fabrikam.example"


@pytest.mark.parametrize("account", ["alice", "bob", "carol", "paul", "heidi", "u50", "svc-ces"])
def test_accounts_log_on_with_their_passwords(domain: Domain, kerberos_client: KerberosClient, account: str) -> None:
    assert kerberos_client.initiate(account, domain.password(account), CES).token


def test_a_user_logs_on_with_a_principal_name_of_another_suffix(
    domain: Domain, kerberos_client: KerberosClient
) -> None:
    name = "heidi.jones\\@partner-a.example"

    assert kerberos_client.initiate(name, domain.password("heidi"), CES).token


@pytest.mark.parametrize(
    ("account", "reason"), [("dora", "revoked"), ("erin", "expired"), ("frank", "revoked"), ("nobody", "not found")]
)
def test_accounts_that_may_not_log_on_do_not(
    domain: Domain, kerberos_client: KerberosClient, account: str, reason: str
) -> None:
    password = domain.password(account) if account != "nobody" else "secret"

    with pytest.raises(NoTicket, match=reason):
        kerberos_client.initiate(account, password, CES)


def test_an_account_is_locked_by_three_wrong_passwords_and_unlocked_by_the_handle(
    domain: Domain, kerberos_client: KerberosClient, gina: str
) -> None:
    for attempt in range(3):
        with pytest.raises(NoTicket, match="Preauthentication failed"):
            kerberos_client.initiate(gina, f"wrong {attempt}", CES)
    with pytest.raises(NoTicket, match="revoked"):
        kerberos_client.initiate(gina, domain.password(gina), CES)

    domain.ldb().unlock(gina)

    assert kerberos_client.initiate(gina, domain.password(gina), CES).token
    assert domain.ldb().attributes(gina, "badPwdCount")["badPwdCount"] == ("0",)


def test_a_changed_attribute_is_what_the_directory_says_next(domain: Domain) -> None:
    domain.ldb().modify("u01", mail="somebody@corp.fabrikam.example")
    assert domain.ldb().attributes("u01", "mail") == {"mail": ("somebody@corp.fabrikam.example",)}

    domain.ldb().modify("u01", mail=())
    assert domain.ldb().attributes("u01", "mail") == {"mail": ()}


def test_a_changed_password_is_what_counts_next(domain: Domain, kerberos_client: KerberosClient) -> None:
    domain.ldb().set_password("u02", "another password")
    try:
        assert kerberos_client.initiate("u02", "another password", CES).token
    finally:
        domain.ldb().set_password("u02", domain.password("u02"))


def test_two_domains_run_beside_each_other(
    domain: Domain, other_domain: Domain, kerberos_client: KerberosClient
) -> None:
    there = kerberos_client.initiate(
        "alice@WOODGROVE.EXAMPLE", other_domain.password("alice"), "HTTP/ces.woodgrove.example"
    )
    here = kerberos_client.initiate("alice", domain.password("alice"), CES)

    assert there.token
    assert here.token
    assert domain.ldb().attributes("alice", "objectSid") != other_domain.ldb().attributes("alice", "objectSid")


def test_a_controller_listens_on_its_own_address_alone(domain: Domain) -> None:
    inodes = {
        link.removeprefix("socket:[").removesuffix("]")
        for file in Path(f"/proc/{domain.pid}/fd").iterdir()
        if (link := str(file.readlink())).startswith("socket:")
    }
    lines = [
        line.split()
        for kind in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/{domain.pid}/net/{kind}").read_text().splitlines()[1:]
    ]
    local = [line[1] for line in lines if line[9] in inodes]

    own = socket.inet_aton(domain.address)[::-1].hex().upper()
    assert {address.partition(":")[0] for address in local} == {own}
    assert f"{own}:{88:04X}" in local


def test_a_directory_is_one_domain_at_a_time(domain: Domain) -> None:
    with pytest.raises(DomainUnavailable, match="is another process' domain"):
        Domain(CORP, domain.directory, templates=TEMPLATES).__enter__()


def test_a_controller_can_have_another_time(tmp_path: Path) -> None:
    with Domain(CORP, tmp_path / "early", templates=TEMPLATES, clock_offset=timedelta(minutes=10)) as domain:
        strict = tmp_path / "krb5.conf"
        strict.write_text(domain.krb5_conf.read_text().replace("[libdefaults]", "[libdefaults]\n  kdc_timesync = 0"))
        client = KerberosClient(strict)
        try:
            with pytest.raises(NoTicket, match="Clock skew too great"):
                client.initiate("alice", domain.password("alice"), CES)
        finally:
            client.close()


def test_a_domain_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = f"""
import os
from pathlib import Path
from gateway.lab.domain import CORP, Domain
domain = Domain(CORP, Path({str(tmp_path / "orphan")!r}), templates=Path({str(TEMPLATES)!r})).__enter__()
print(domain.address, flush=True)
os._exit(1)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    address = ran.stdout.strip()

    # Nothing says when a process that is not our child has ended, but that its port is free again.
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((address, 88)) != 0:
                break


def test_a_failed_start_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.lab.domain.SAMBA", Path(shutil.which("false") or "/bin/false"))
    domain = Domain(CORP, tmp_path / "failed", templates=TEMPLATES)
    with pytest.raises(DomainUnavailable, match="did not start"):
        domain.__enter__()
    monkeypatch.undo()

    # The address that it had claimed is free again.
    with Domain(CORP, tmp_path / "next", templates=TEMPLATES) as another:
        assert another.address == domain.address
