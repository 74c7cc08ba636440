"""The commands, run as a user runs them."""

import asyncio
import json
import os
import signal
import sys
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest

from gateway.lab.world import World
from gateway.pki import write, write_request
from gateway.pki.write_request import Signer
from tests.requests import a_certification_request, a_key
from tests.stand import ALICE, CES_CERTIFICATE, CES_PASSWORD, Stand, a_stand

WEB = "www.partner-a.example"


@dataclass(frozen=True)
class Ran:
    code: int
    output: str
    errors: str


async def run(*arguments: str | Path, given: str = "") -> Ran:
    """`python -m gateway ...`, to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(given.encode())
    assert process.returncode is not None
    return Ran(process.returncode, output.decode(), errors.decode())


def a_request_file(directory: Path, name: str = WEB, template: str | None = "PartnerWebServer") -> Path:
    der = a_certification_request(f"CN={name}", dns=(name,), template=template)
    path = directory / "request.pem"
    path.write_text(
        f"-----BEGIN CERTIFICATE REQUEST-----\n{encodebytes(der).decode()}-----END CERTIFICATE REQUEST-----\n"
    )
    return path


@pytest.fixture
async def configuration(world: World, tmp_path: Path) -> Path:
    """A configuration file on which nothing listens any more."""
    async with a_stand(world, tmp_path):
        pass
    return world.directory / f"{tmp_path.name}.yaml"


def connection(stand: Stand, path: str, *, port: int) -> Sequence[str | Path]:
    url = stand.ports.url(port, path)
    return ("--url", url, "--trust", stand.world.public_ca, "--connect", f"127.0.0.1:{port}")


async def test_lab_once_shows_an_issued_certificate_and_a_refusal_with_its_reasons(tmp_path: Path) -> None:
    ran = await run("lab", "--once", "--directory", tmp_path / "lab")

    assert ran.code == 0, ran.errors
    assert "certificate issued  CN=www.partner-a.example" in ran.output
    assert "request refused" in ran.output
    assert "commonName is 'www.somebody-else.example', wanted suffix '.partner-a.example'" in ran.output
    assert "audit intact" in ran.output


async def test_lab_can_be_run_again_in_the_same_directory(tmp_path: Path) -> None:
    for _ in range(2):
        ran = await run("lab", "--once", "--directory", tmp_path / "lab")

        assert ran.code == 0, ran.errors


async def test_lab_says_which_step_failed(tmp_path: Path) -> None:
    await run("lab", "--once", "--directory", tmp_path / "lab")
    policy = tmp_path / "lab" / "policies" / "PartnerWebServer.yaml"
    policy.write_text(policy.read_text().replace(".partner-a.example", ".elsewhere.example"))

    ran = await run("lab", "--once", "--directory", tmp_path / "lab")

    assert ran.code == 1
    assert "FAILED: Issue by password" in ran.errors


async def test_check_config_says_what_a_configuration_amounts_to(configuration: Path) -> None:
    ran = await run("check-config", "--config", configuration)

    assert ran.code == 0, ran.errors
    assert "ca1-password: https://enroll.fabrikam.example" in ran.output
    assert "no mistakes" in ran.output


async def test_check_config_reports_every_mistake_with_its_line(configuration: Path) -> None:
    text = configuration.read_text().replace("password_file: passwords\n", "pasword_file: passwords\n")
    configuration.write_text(text.replace("public_url: https://enroll", "public_url: http://enroll", 1))

    ran = await run("check-config", "--config", configuration)

    assert ran.code == 1
    line = 1 + text.splitlines().index("pasword_file: passwords")
    assert f"{configuration}:{line}: pasword_file: unknown key" in ran.errors


async def test_templates_shows_the_catalogue_beside_the_policies(configuration: Path) -> None:
    catalogue = configuration.parent / "catalogue.yaml"
    entry = "{commonName: PartnerWebServer, oid: 1.2.3, policySchema: 2, enrollmentFlags: [PEND_ALL_REQUESTS]}"
    catalogue.write_text(f"templates: [{entry}, {{commonName: Other, oid: 1.2.4}}]")
    configuration.write_text(configuration.read_text() + "catalogue: {file: catalogue.yaml}\n")

    table = await run("templates", "--config", configuration)
    assert table.code == 0, table.errors
    assert "none: refused" in table.output
    assert "enrollmentFlags: PEND_ALL_REQUESTS" in table.output
    assert "mistake: template.oid: is not that of PartnerWebServer" in table.output

    shown = await run("templates", "--json", "--config", configuration)
    rows = json.loads(shown.output)
    assert {row["commonName"] for row in rows} > {"Other", "PartnerWebServer", "CorpUser"}
    assert next(row for row in rows if row["commonName"] == "Other")["policy"] is None

    checked = await run("check-config", "--config", configuration)
    assert checked.code == 1
    assert "PartnerWebServer.yaml" in checked.errors


async def test_templates_says_that_there_is_no_catalogue(configuration: Path) -> None:
    ran = await run("templates", "--config", configuration)

    assert ran.code == 1
    assert "catalogue: is missing" in ran.errors


async def test_explain_says_which_rule_would_allow_a_request(configuration: Path, tmp_path: Path) -> None:
    ran = await run("explain", "--config", configuration, "--as", ALICE, a_request_file(tmp_path))

    assert ran.code == 0, ran.output
    assert "ALLOWED by rule partner-a-hosts" in ran.output


async def test_explain_says_why_a_request_would_be_refused(configuration: Path, tmp_path: Path) -> None:
    request = a_request_file(tmp_path, "www.victim.example")

    ran = await run("explain", "--config", configuration, "--as", ALICE, request)

    assert ran.code == 1
    assert "dNSName is 'www.victim.example', wanted suffix '.partner-a.example'" in ran.output
    assert "CERT_E_INVALID_NAME" in ran.output


async def test_explain_names_the_templates_that_have_policies(configuration: Path, tmp_path: Path) -> None:
    request = a_request_file(tmp_path, template="DomainController")

    ran = await run("explain", "--config", configuration, "--as", ALICE, request)

    assert ran.code == 1
    assert "template   DomainController (extension 1.3.6.1.4.1.311.20.2): no policy" in ran.output
    assert "policy     none applies" in ran.output
    assert "not        CorpMachine: the request does not name its template CorpMachine" in ran.output
    assert "the audit record the reason unmatched" in ran.output


async def test_explain_maps_a_certificate_as_the_gateway_would(
    configuration: Path, tmp_path: Path, world: World
) -> None:
    ran = await run("explain", "--config", configuration, "--as", world.partner_a.certificate, a_request_file(tmp_path))

    assert ran.code == 0, ran.output
    assert "requester  partner-a by Certificate" in ran.output


async def test_explain_reads_a_captured_message_with_its_context(configuration: Path) -> None:
    captured = Path(__file__).parent.parent / "vectors" / "soap" / "capture-certreq-ws2025-RST-issue-PKCS10.xml"

    ran = await run("explain", "--config", configuration, "--as", ALICE, captured)

    assert ran.code == 0, ran.output
    assert "template   User (AdditionalContext)" in ran.output


async def test_explain_lists_every_other_policy_if_it_is_asked_to(configuration: Path, tmp_path: Path) -> None:
    few = await run("explain", "--config", configuration, "--as", ALICE, a_request_file(tmp_path))
    all_of_them = await run("explain", "--config", configuration, "--as", ALICE, "--all", a_request_file(tmp_path))

    assert "not        PartnerUser: the request does not name its template PartnerUser; it has rules" in few.output
    assert "not        CorpUser" not in few.output
    assert "3 more, for templates that the request does not name: --all lists them" in few.output
    assert "not        CorpUser: the request does not name its template CorpUser; it has no rule" in all_of_them.output


async def test_explain_takes_what_a_directory_would_say_from_options_or_from_a_file(
    configuration: Path, tmp_path: Path
) -> None:
    computer = "pc1$@corp.fabrikam.example"
    file = tmp_path / "requester.yaml"
    file.write_text(f"account: {computer}\nauthentication: Kerberos\ngroups: [pki-computers]\nauthentcation: x\n")
    request = a_request_file(tmp_path, template="CorpMachine")
    options = ("--as", computer, "--authentication", "Kerberos", "--group", "PKI-Computers", "--partner", "Partner A")

    by_options = await run("explain", "--config", configuration, *options, request)
    mistaken = await run("explain", "--config", configuration, "--requester", file, request)
    file.write_text(file.read_text().replace("authentcation: x\n", ""))
    by_file = await run("explain", "--config", configuration, "--requester", file, request)

    for ran in (by_options, by_file):
        assert f"requester  {computer} by Kerberos" in ran.output
        assert "directory  CN=pc1$,CN=Users,DC=corp,DC=fabrikam,DC=example, in pki-computers" in ran.output
    assert "partner    Partner A" in by_options.output
    assert f"{file}:4: authentcation: unknown key" in mistaken.errors


async def test_explain_vouches_for_signers_as_the_gateway_would(configuration: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = a_signer("Corp Issuing CA 1", now, [write.basic_constraints(ca=True)])
    old = a_signer(WEB, now, [], issuer=authority)
    request = tmp_path / "renewal.der"
    content = a_certification_request(f"CN={WEB}", dns=(WEB,), template="PartnerWebServer")
    request.write_bytes(write_request.signed_data(content, [old]))
    (tmp_path / "ca.pem").write_text(DER_cert_to_PEM_cert(authority.certificate))
    (tmp_path / "ca.crl").write_bytes(write_request.revocation_list(authority, now))
    explain = ("explain", "--config", configuration, "--as", ALICE, "--json", request)

    of_nobody = await run(*explain)
    files = f"certificates: {tmp_path}/ca.pem, crl: [{tmp_path}/ca.crl]"
    configuration.write_text(
        configuration.read_text() + f"certification_authorities: [{{name: Corp Issuing CA 1, {files}}}]\n"
    )
    vouched_for = await run(*explain)

    assert json.loads(of_nobody.output)["reason"] == "signer_untrusted"
    assert json.loads(vouched_for.output)["reason"] == "not_permitted", vouched_for


def a_signer(name: str, now: datetime, extensions: list[bytes], issuer: Signer | None = None) -> Signer:
    return write_request.issue(
        subject=write.name([("commonName", name)]),
        key=a_key(name=name),
        serial_number=1 if issuer is None else 2,
        not_before=now - timedelta(hours=1),
        not_after=now + timedelta(hours=1),
        extensions=extensions,
        issuer=issuer,
    )


async def test_explain_says_the_same_to_machines(configuration: Path, tmp_path: Path) -> None:
    request = a_request_file(tmp_path, "www.victim.example")

    ran = await run("explain", "--config", configuration, "--as", ALICE, "--json", request)

    trace = json.loads(ran.output)
    assert ran.code == 1
    assert (trace["outcome"], trace["reason"], trace["policy"]) == ("refused", "not_permitted", "PartnerWebServer")
    assert [rule["met"] for rule in trace["rules"]] == [False, False]
    assert trace["rules"][0]["violations"][0]["value"] == "www.victim.example"
    assert trace["request"]["subject"] == "CN=www.victim.example"


async def test_policy_test_tells_each_example_that_is_not_as_wanted(tmp_path: Path) -> None:
    good = Path(__file__).parents[2] / "policies" / "User.yaml"
    policies = tmp_path / "policies"
    policies.mkdir()
    changed = good.read_text().replace("authentication: [UsernamePassword]", "authentication: [Kerberos]")
    (policies / "User.yaml").write_text(changed)

    as_wanted = await run("policy", "test", good.parent, "--verbose")
    ran = await run("policy", "test", policies)

    assert as_wanted.code == 0, as_wanted.output
    assert "a certificate would be for the gateway's own account: refused by requesters.auth" in as_wanted.output
    assert ran.code == 1
    line = 1 + changed.splitlines().index("  - name: as certreq sends it, with the template in the message only")
    assert f"{policies}/User.yaml:{line}: as certreq sends it, with the template in the message only" in ran.output
    assert "wanted: allowed by rule people-with-a-password" in ran.output
    assert "authentication is 'UsernamePassword', wanted Kerberos" in ran.output
    assert "1 policies, 4 examples, 1 failures" in ran.output


async def test_policy_replay_tells_what_a_candidate_would_change(tmp_path: Path) -> None:
    await run("lab", "--once", "--directory", tmp_path / "lab")
    audit, candidate = tmp_path / "lab" / "audit.jsonl", tmp_path / "lab" / "policies"

    same = await run("policy", "replay", "--candidate", candidate, audit)
    for file in candidate.glob("*.yaml"):
        file.write_text(file.read_text().replace("{suffix: .partner-a.example}", "{suffix: .example}"))
    ran = await run("policy", "replay", "--candidate", candidate, "--since", "2020-01-01", audit)
    told = await run("policy", "replay", "--candidate", candidate, "--json", audit)

    assert same.code == 0, same.output
    assert "0 changed" in same.output
    assert ran.code == 1
    assert "was       refused, not_permitted" in ran.output
    assert "would be  allowed by PartnerWebServer: partner-a-hosts" in ran.output
    assert "vanished  partner-a-hosts: subject: commonName is 'www.somebody-else.example'" in ran.output
    *changes, summary = [json.loads(line) for line in told.output.splitlines()]
    assert {change["change"] for change in changes} == {"would_allow"}
    assert summary["changed"] == len(changes)


async def test_check_config_reports_the_mistakes_of_shadow_policies(configuration: Path) -> None:
    configuration.write_text(configuration.read_text() + "shadow_policies: candidate\n")
    candidate = configuration.parent / "candidate"
    candidate.mkdir()
    (candidate / "Web.yaml").write_text("rules: []\n")

    mistaken = await run("check-config", "--config", configuration)
    (candidate / "Web.yaml").write_text((Path(__file__).parents[2] / "policies" / "User.yaml").read_text())
    ran = await run("check-config", "--config", configuration)

    assert mistaken.code == 1
    assert "Web.yaml:1: template: missing" in mistaken.errors
    assert "in the shadow: policy Web: template User, 1 rule(s)" in ran.output


async def test_enroll_fetches_policies_is_issued_a_certificate_and_asks_after_a_pending_one(
    stand: Stand, tmp_path: Path
) -> None:
    by_password = ("--username", ALICE)
    password = stand.world.passwords[ALICE] + "\n"
    cep = connection(stand, "/ADPolicyProvider_CEP_UsernamePassword/service.svc/CEP", port=stand.ports.https)
    ces = connection(stand, CES_PASSWORD, port=stand.ports.https)

    policies = await run("enroll", "policies", *cep, *by_password, given=password)
    assert policies.code == 0, policies.errors
    assert "template PartnerWebServer: may enroll" in policies.output

    issued = await run("enroll", "issue", *ces, *by_password, a_request_file(tmp_path), given=password)
    assert issued.code == 0, issued.errors
    assert issued.output.startswith("-----BEGIN CERTIFICATE-----")

    request = a_request_file(tmp_path, template="PartnerPending")
    pending = await run("enroll", "issue", *ces, *by_password, request, given=password)
    assert "Pending: Taken Under Submission" in pending.errors
    request_id = pending.errors.split()[-1]
    status = await run("enroll", "status", *ces, *by_password, request_id, given=password)
    assert status.code == 0, status.errors
    assert "Pending" in status.errors


async def test_enroll_shows_a_certificate_to_a_certificate_service(stand: Stand, tmp_path: Path) -> None:
    pair = stand.world.partner_a
    ces = connection(stand, CES_CERTIFICATE, port=stand.ports.https_certificate)

    ran = await run(
        "enroll", "issue", *ces, "--certificate", pair.certificate, "--key", pair.key, a_request_file(tmp_path)
    )

    assert ran.code == 0, ran.errors


async def test_enroll_tells_a_refusal_with_its_hresult(stand: Stand, tmp_path: Path) -> None:
    ces = connection(stand, CES_PASSWORD, port=stand.ports.https)
    request = a_request_file(tmp_path, "www.victim.example")

    ran = await run("enroll", "issue", *ces, "--username", ALICE, request, given=stand.world.passwords[ALICE])

    assert ran.code == 1
    assert "Refused (0x800B0114): The request is not permitted by policy." in ran.errors


async def test_hash_password_makes_a_line_for_the_password_file() -> None:
    ran = await run("hash-password", "carol@partner-c.example", given="secret\n")

    assert ran.code == 0
    assert ran.output.startswith("carol@partner-c.example:$argon2id$v=19$")


async def test_serve_serves_until_it_is_told_to_stop_and_logs_json(configuration: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", "--config", str(configuration), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    events = []
    while "started" not in events:
        events.append(json.loads(await process.stdout.readline())["event"])
    os.kill(process.pid, signal.SIGHUP)
    while events[-1] != "policies reloaded":
        events.append(json.loads(await process.stdout.readline())["event"])
    process.terminate()

    assert await process.wait() == 0
    assert "listening" in events


async def test_serve_says_what_is_wrong_before_it_listens(configuration: Path) -> None:
    configuration.write_text("listeners: []\n")

    ran = await run("serve", "--config", configuration)

    assert ran.code == 1
    assert "public_url: missing" in ran.errors


async def test_serve_does_not_start_without_its_state(configuration: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database" * 100)
    with configuration.open("a") as file:
        file.write(f"\nstate: {{kind: sqlite, file: {broken}}}\n")

    ran = await run("serve", "--config", configuration)

    assert ran.code == 1
    assert "broken.sqlite cannot be read or written, file is not a database: it is no SQLite file" in ran.errors
    assert "Traceback" not in ran.errors


async def test_verify_audit_tells_an_intact_record_from_a_changed_one(tmp_path: Path) -> None:
    await run("lab", "--once", "--directory", tmp_path)
    audit = tmp_path / "audit.jsonl"

    intact = await run("verify-audit", audit)
    assert intact.code == 0
    assert "lines in order, numbers 1 to" in intact.output

    audit.write_text(audit.read_text().replace('"outcome":"refused"', '"outcome":"issued"', 1))
    changed = await run("verify-audit", audit)
    assert changed.code == 1
    assert "BROKEN in line" in changed.output


async def test_a_file_that_is_no_request_is_said_to_be_none(configuration: Path, world: World) -> None:
    ran = await run("explain", "--config", configuration, "--as", ALICE, world.public_ca)

    assert ran.code == 1
    assert "the audit record the reason malformed_request" in ran.output


async def test_a_url_that_is_none_is_said_to_be_none(tmp_path: Path, world: World) -> None:
    ran = await run("enroll", "policies", "--url", "http://x", "--trust", world.public_ca, "--username", ALICE)

    assert ran.code == 2
    assert "must be an https URL" in ran.errors


async def test_a_lab_that_has_expired_says_what_to_do(tmp_path: Path) -> None:
    await run("lab", "--once", "--directory", tmp_path)
    manifest = json.loads((tmp_path / "world.json").read_text())
    (tmp_path / "world.json").write_text(json.dumps(manifest | {"expires": "2020-01-01T00:00:00+00:00"}))

    ran = await run("lab", "--once", "--directory", tmp_path)

    assert ran.code == 1
    assert "remove it and create a new one" in ran.errors
