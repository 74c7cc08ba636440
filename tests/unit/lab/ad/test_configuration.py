"""smb.conf and krb5.conf."""

import re
from pathlib import Path

from gateway.lab.ad.configuration import krb5_conf, smb_conf


def test_a_controller_has_all_of_its_files_in_its_directory() -> None:
    text = smb_conf(Path("/lab/corp"), "CORP.EXAMPLE", "CORP", "127.0.0.88")

    paths = re.findall(r"= (/.*)$", text, re.MULTILINE)
    assert len(paths) == 12
    assert all(path.startswith("/lab/corp/") for path in paths)


def test_a_controller_listens_on_its_address_alone() -> None:
    text = smb_conf(Path("/lab/corp"), "CORP.EXAMPLE", "CORP", "127.0.0.88")

    assert "interfaces = 127.0.0.88/8\n" in text
    assert "bind interfaces only = yes\n" in text


def test_clients_know_each_realm_and_ask_no_dns() -> None:
    text = krb5_conf([("CORP.EXAMPLE", "127.0.0.88"), ("WOODGROVE.EXAMPLE", "127.0.0.89")])

    assert "default_realm = CORP.EXAMPLE\n" in text
    assert re.search(r"WOODGROVE\.EXAMPLE = \{\s+kdc = 127\.0\.0\.89:88\s+\}", text)
    assert "  .woodgrove.example = WOODGROVE.EXAMPLE\n" in text
    for setting in ("dns_lookup_kdc", "dns_lookup_realm", "dns_uri_lookup", "dns_canonicalize_hostname", "rdns"):
        assert f"  {setting} = false\n" in text
