"""Partners enroll through the gateway; the inside sees the gateway, the outside never sees the inside."""

from base64 import b64encode
from typing import Any

import aiohttp
from cryptography import x509

from gateway.lab.server import CA_1
from gateway.lab.world import World
from tests.requests import a_name_value_pair, a_new_request, an_attribute
from tests.stand import (
    ALICE,
    CEP_CERTIFICATE,
    CEP_PASSWORD,
    CES_CERTIFICATE,
    CES_PASSWORD,
    MESSAGE_ID,
    Stand,
    internal_uri,
)

BOB = "bob@partner-b.example"
WEB = "www.partner-a.example"


def a_request(name: str = WEB, **parts: Any) -> bytes:
    return a_new_request(name, **parts)


async def test_a_certificate_is_issued_to_a_partner_with_a_password(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request()))

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    assert x509.load_der_x509_certificate(answer.certificate).subject.rfc4514_string() == f"CN={WEB}"


async def test_a_certificate_is_issued_to_a_partner_with_a_client_certificate(stand: Stand) -> None:
    message = stand.issue(a_request(), security="")

    answer = await stand.post(message, CES_CERTIFICATE, client=stand.world.partner_a)

    assert answer.status == 200
    assert x509.load_der_x509_certificate(answer.certificate).subject.rfc4514_string() == f"CN={WEB}"


async def test_paths_are_matched_without_regard_to_case_and_with_encoded_blanks(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request()), CES_PASSWORD.upper())

    assert answer.status == 200


async def test_a_probe_of_a_service_is_answered_with_nothing(stand: Stand) -> None:
    for method in ("GET", "HEAD"):
        answer = await stand.post(b"", CES_PASSWORD, method=method)

        assert (answer.status, answer.body) == (200, b"")


async def test_the_request_s_der_arrives_inside_byte_for_byte_and_no_header_of_the_client_does(stand: Stand) -> None:
    request = a_request()

    await stand.post(
        stand.issue(request),
        headers=(("X-Forwarded-For", "192.0.2.7"), ("X-Ssl-Client-Cert", "canary"), ("X-Remote-User", "canary")),
    )

    received = stand.lab.received[-1]
    assert b64encode(request) in received.body
    assert {name for name, _ in received.headers} == {
        "Host",
        "User-Agent",
        "Content-Type",
        "Content-Length",
        "Accept-Encoding",
    }
    assert MESSAGE_ID.encode() not in received.body


async def test_the_answer_relates_to_the_client_s_own_message(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request()))

    assert answer.find(".//a:RelatesTo") == MESSAGE_ID


async def test_the_policy_tells_what_this_partner_may_enroll_and_where(stand: Stand) -> None:
    answer = await stand.post(stand.get_policies(), CEP_PASSWORD)

    assert answer.status == 200
    assert b"PartnerWebServer" in answer.body
    assert b"CorpSecretTemplate" not in answer.body
    assert f"https://enroll.fabrikam.example:{stand.ports.https}/".encode() in answer.body


async def test_nothing_that_leaves_names_the_inside(stand: Stand) -> None:
    await stand.post(stand.get_policies(), CEP_PASSWORD)
    await stand.post(stand.get_policies(security=""), CEP_CERTIFICATE, client=stand.world.partner_a)
    await stand.post(stand.issue(a_request(template="PartnerPending")))
    await stand.post(stand.issue(a_request(template="PartnerRefused")))

    for output in stand.output:
        for canary in (
            b"corp.fabrikam.example",
            b"internal enrollment",
            b"CorpSecretTemplate",
            b"Microsoft-IIS",
            b"aiohttp",
        ):
            assert canary not in output


async def test_a_pending_request_is_polled_at_the_gateway_s_own_address(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request(template="PartnerPending")))

    reference = answer.body.partition(b'Reference URI="')[2].partition(b'"')[0].decode()
    request_id = answer.find(".//wstep:RequestID")
    assert request_id is not None
    assert reference == f"https://enroll.fabrikam.example:{stand.ports.https}{CES_PASSWORD.replace(' ', '%20')}"
    assert internal_uri(stand.lab) not in answer.body.decode()

    assert (await stand.post(stand.query_token_status(request_id))).find(".//wstep:RequestID") == request_id
    authority = stand.lab.authorities[CA_1]
    (at_the_ca,) = authority.requests
    assert request_id != str(at_the_ca)
    authority.resolve(at_the_ca, issue=True)
    issued = await stand.post(stand.query_token_status(request_id))
    assert x509.load_der_x509_certificate(issued.certificate).subject.rfc4514_string() == f"CN={WEB}"


async def test_another_s_pending_request_does_not_exist(stand: Stand) -> None:
    pending = await stand.post(stand.issue(a_request(template="PartnerPending")))
    request_id = pending.find(".//wstep:RequestID")
    assert request_id is not None
    bob = stand.username_token(BOB, stand.world.passwords[BOB])

    answer = await stand.post(stand.query_token_status(request_id, security=bob))

    assert (answer.status, answer.fault.hresult) == (500, 0x80094002)
    assert (await stand.refusal_of(answer))["reason"] == "pending_request_unknown"


async def test_the_ca_s_own_refusal_keeps_its_hresult_and_text(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request(template="PartnerRefused")))

    assert answer.status == 500
    assert answer.fault.hresult == 0x80094812
    assert "email" in answer.fault.text.lower()
    assert (await stand.refusal_of(answer))["hresult"] == "0x80094812"


async def test_a_refused_request_never_reaches_the_inside(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request("www.somebody-else.example")))

    assert answer.fault.hresult == 0x800B0114
    assert stand.lab.received == []


async def test_a_decision_and_an_outcome_are_recorded_with_who_what_and_why(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request()))

    approved, answered = stand.audit("approved", "answered")
    assert approved["call_id"] == answered["call_id"] == answer.headers["X-Call-Id"]
    assert approved["account"] == ALICE
    assert approved["authentication"] == "UsernamePassword"
    assert (approved["template"], approved["policy"]) == ("PartnerWebServer", "PartnerWebServer")
    assert approved["request"]["subject_alternative_name"] == [f"dNSName:{WEB}"]
    assert answered["outcome"] == "issued"
    certificate = x509.load_der_x509_certificate(answer.certificate)
    assert answered["certificate"]["serial_number"] == f"{certificate.serial_number:x}"
    stand.assert_audit_is_intact()


async def test_the_call_id_of_a_fault_leads_to_its_audit_line(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request("www.somebody-else.example")))

    line = await stand.refusal_of(answer)
    assert line["call_id"] in answer.fault.text
    assert {violation["field"] for violation in line["violations"]} == {"commonName", "dNSName"}


async def test_a_mapped_certificate_s_account_and_rule_are_in_the_record(stand: Stand) -> None:
    await stand.post(stand.issue(a_request(), security=""), CES_CERTIFICATE, client=stand.world.partner_a)

    (approved,) = stand.audit("approved")
    assert (approved["account"], approved["mapping_rule"]) == ("partner-a", "partner-a")
    assert approved["client_certificate"]["subject"]


async def test_a_template_named_in_two_ways_that_differ_is_a_conflict(stand: Stand) -> None:
    answer = await stand.post(stand.issue(a_request(), template="PartnerUser"))

    assert answer.fault.hresult == 0x80094802
    assert (await stand.refusal_of(answer))["reason"] == "template_conflict"


async def test_a_san_in_the_request_s_attributes_is_refused_however_it_is_spelled(stand: Stand) -> None:
    disguised = an_attribute("1.3.6.1.4.1.311.13.2.1", a_name_value_pair("S-a N", "upn=administrator@corp.example"))

    answer = await stand.post(stand.issue(a_request(extra_attributes=(disguised,))))

    assert answer.fault.hresult == 0x80094012
    assert (await stand.refusal_of(answer))["violations"][0]["concern"] == "attributes"


async def test_passwords_appear_neither_in_the_record_nor_in_the_log(stand: Stand, capfd: Any, world: World) -> None:
    canary = "canary-password-4711"
    wrong = stand.username_token(ALICE, canary)
    for security in (wrong, stand.username_token("nobody@partner-a.example", canary), None):
        await stand.post(stand.issue(a_request(), security=security))
        await stand.post(stand.get_policies(security=security), CEP_PASSWORD)
    malformed = stand.issue(a_request(), security=wrong).replace(b"<s:Body>", b"<s:Body><")
    await stand.post(malformed)

    told = stand.audit_file.read_text() + "".join(capfd.readouterr())
    assert canary not in told
    assert world.passwords[ALICE] not in told
    assert "PRIVATE KEY" not in told
    assert canary.encode() not in b"".join(stand.output)


async def test_metrics_count_outcomes_by_service_and_health_is_told(stand: Stand) -> None:
    await stand.post(stand.issue(a_request()))
    await stand.post(stand.issue(a_request("www.somebody-else.example")))

    async with aiohttp.ClientSession(f"http://127.0.0.1:{stand.ports.management}") as session:
        metrics = await (await session.get("/metrics")).text()
        assert 'ces_gateway_requests_total{outcome="issued",service="ca1-password"} 1.0' in metrics
        assert 'ces_gateway_requests_total{outcome="not_permitted",service="ca1-password"} 1.0' in metrics
        assert 'ces_gateway_upstream_seconds_count{service="ca1-password"} 1.0' in metrics
        assert (await session.get("/livez")).status == 200
        ready = await session.get("/readyz")
        assert ready.status == 200
        assert {"name": "state", "ready": True} in (await ready.json())["checks"]
        assert (await session.get("/")).status == 404


async def test_a_reload_takes_new_policies_and_keeps_the_old_ones_where_there_is_a_mistake(stand: Stand) -> None:
    policies = stand.app.configuration.policies
    file = policies / "PartnerWebServer.yaml"
    good = file.read_text()
    try:
        file.write_text(good.replace("partner-a-hosts", "renamed-rule"))
        stand.app.reload()
        await stand.post(stand.issue(a_request()))
        file.write_text("template: [")
        stand.app.reload()
        await stand.post(stand.issue(a_request()))
    finally:
        file.write_text(good)
    # As if the volume were not mounted.
    elsewhere = policies.rename(policies.with_name("elsewhere"))
    try:
        policies.mkdir()
        stand.app.reload()
        await stand.post(stand.issue(a_request()))
    finally:
        policies.rmdir()
        elsewhere.rename(policies)

    assert [line["rule"] for line in stand.audit("approved")] == ["renamed-rule"] * 3
