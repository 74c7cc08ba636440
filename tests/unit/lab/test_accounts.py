"""The lab's directory."""

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes

from gateway.lab.accounts import ALICE, BOB, GATEWAY_SERVICE, UPN_OID, Account, Directory
from gateway.lab.credentials import Issuer
from gateway.lab.world import World

DIRECTORY = Directory({"alice@partner-a.example": " pass word "})


@pytest.mark.parametrize("name", ["alice@partner-a.example", "ALICE@Partner-A.example", "CORP\\alice", "corp\\Alice"])
def test_a_user_logs_on_by_either_kind_of_name(name: str) -> None:
    assert DIRECTORY.authenticate(name, " pass word ") == ALICE


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice@partner-a.example", "pass word"),
        ("alice@partner-a.example", " PASS WORD "),
        ("alice", " pass word "),
        ("alice@corp.fabrikam.example", " pass word "),
        ("nobody@partner-a.example", " pass word "),
        ("bob@partner-b.example", ""),
    ],
    ids=["trimmed", "other case", "bare name", "other suffix", "nobody", "without password"],
)
def test_nobody_logs_on_otherwise(name: str, password: str) -> None:
    assert DIRECTORY.authenticate(name, password) is None


def test_a_certificate_stands_for_the_account_of_its_upn(world: World) -> None:
    certificate = x509.load_pem_x509_certificate(world.gateway_client.certificate.read_bytes())
    assert DIRECTORY.of_certificate(certificate) == GATEWAY_SERVICE


@pytest.mark.parametrize(
    "names",
    [
        [x509.RFC822Name("alice@partner-a.example")],
        [x509.OtherName(UPN_OID, asn1.encode_der(account.user_principal_name)) for account in (ALICE, BOB)],
        [x509.OtherName(UPN_OID, asn1.encode_der("nobody@partner-a.example"))],
        [x509.OtherName(UPN_OID, asn1.encode_der(b"alice@partner-a.example"))],
    ],
    ids=["mail alone", "two accounts", "nobody", "no text"],
)
def test_other_certificates_stand_for_nobody(names: list[x509.GeneralName]) -> None:
    root = Issuer.root("CA").credential
    certificate = (
        x509.CertificateBuilder(
            issuer_name=root.certificate.subject,
            subject_name=root.certificate.subject,
            public_key=root.key.public_key(),
            serial_number=1,
            not_valid_before=root.certificate.not_valid_before_utc,
            not_valid_after=root.certificate.not_valid_after_utc,
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    assert DIRECTORY.of_certificate(certificate) is None


def test_a_certificate_without_names_stands_for_nobody() -> None:
    assert DIRECTORY.of_certificate(Issuer.root("CA").credential.certificate) is None


def test_sids_differ_and_share_the_domain() -> None:
    accounts: tuple[Account, ...] = (ALICE, BOB, GATEWAY_SERVICE)
    assert len({account.sid for account in accounts}) == len(accounts)
    assert all(account.sid.startswith("S-1-5-21-1004336348-1177238915-682003330-") for account in accounts)
