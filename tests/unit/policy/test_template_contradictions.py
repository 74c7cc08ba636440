from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.policy.catalogue import Catalogue
from gateway.policy.decision import Policy
from gateway.policy.load import load_policies
from gateway.policy.template_contradictions import TemplateContradiction, contradictions
from gateway.policy.template_flags import EnrollmentFlags, PrivateKeyFlags, SubjectNameFlags
from tests.builders import a_policy_file
from tests.templates import CA_1, USER, USER_OID, WEB, WEB_OID, a_catalogue_template

SERVER = "extendedKeyUsage: {allow: [serverAuth]}"
BOTH = "extendedKeyUsage: {allow: [serverAuth, clientAuth]}"
RSA_3072 = "[{algorithm: RSA, minimumKeyLength: 3072}]"
P256 = "[{algorithm: EC, curves: [secp256r1]}]"
P256_OR_P384 = "[{algorithm: EC, curves: [secp256r1, secp384r1]}]"


def a_policy(*sections: str, template: str = f"{{name: {WEB}}}", **parts: str) -> Policy:
    return load_policies([("a.yaml", a_policy_file(*(sections or (SERVER,)), template=template, **parts))]).policies[0]


def with_rules(*policies: Policy) -> Policy:
    return replace(policies[0], rules=tuple(rule for policy in policies for rule in policy.rules))


def found(policy: Policy, *changes: dict[str, Any], cas: frozenset[str] = frozenset({CA_1})) -> list[tuple[Any, ...]]:
    templates = tuple(a_catalogue_template(**change) for change in changes or ({},))
    return [(c.path, c.is_mistake, c.text) for c in contradictions(policy, Catalogue(templates), cas)]


def the_one(policy: Policy, *changes: dict[str, Any]) -> TemplateContradiction:
    (contradiction,) = (TemplateContradiction(*each) for each in found(policy, *changes))
    return contradiction


def test_a_policy_that_fits_its_template_contradicts_nothing() -> None:
    assert found(a_policy()) == []
    assert found(a_policy(template=f"{{name: {WEB}, oid: {WEB_OID}}}")) == []


def test_with_an_empty_catalogue_there_is_nothing_to_contradict() -> None:
    assert contradictions(a_policy(template="{name: Unknown}"), Catalogue(), frozenset({CA_1})) == ()


def test_what_nobody_has_said_is_not_contradicted() -> None:
    unknown = dict.fromkeys(
        ("minimal_key_length", "subject_name_flags", "enrollment_flags", "extended_key_usage", "cas", "policy_schema")
    )

    assert found(a_policy(), unknown) == []


@pytest.mark.parametrize("template", ["{name: Wbe}", "{name: Wbe, oid: 1.2.3}"])
def test_a_template_that_the_catalogue_does_not_know_is_a_warning(template: str) -> None:
    contradiction = the_one(a_policy(template=template))

    assert (contradiction.path, contradiction.is_mistake) == (("template", "name"), False)
    assert "knows no template Wbe" in contradiction.text


def test_an_oid_that_is_not_the_template_s_is_a_mistake() -> None:
    contradiction = the_one(a_policy(template=f"{{name: {WEB}, oid: 1.2.3}}"))

    assert (contradiction.path, contradiction.is_mistake) == (("template", "oid"), True)
    assert f"write {WEB_OID}, or leave it out" in contradiction.text


@pytest.mark.parametrize(("name", "advice"), [(WEB, f"write {WEB_OID}"), ("Wbe", "correct the name or the oid")])
def test_an_oid_of_another_template_is_a_mistake(name: str, advice: str) -> None:
    policy = a_policy(template=f"{{name: {name}, oid: {USER_OID}}}")

    contradiction = the_one(policy, {}, {"common_name": USER, "oid": USER_OID})

    assert contradiction.is_mistake
    assert f"is that of the template {USER}, which this policy would judge: {advice}" in contradiction.text


def test_a_name_in_two_forests_is_compared_with_both_unless_the_oid_says_which() -> None:
    other = {"oid": USER_OID, "cas": ("Another CA",)}

    assert len(found(a_policy(), {}, other)) == 1
    assert found(a_policy(template=f"{{name: {WEB}, oid: {WEB_OID}}}"), {}, other) == []


@pytest.mark.parametrize(
    ("supplies", "flags", "wanted"),
    [
        (
            True,
            SubjectNameFlags.SUBJECT_REQUIRE_DIRECTORY_PATH,
            "from the directory: write enrolleeSuppliesSubject: false",
        ),
        (False, SubjectNameFlags.ENROLLEE_SUPPLIES_SUBJECT, "from the request: write enrolleeSuppliesSubject: true"),
    ],
)
def test_another_origin_of_the_subject_is_a_mistake(supplies: bool, flags: SubjectNameFlags, wanted: str) -> None:
    policy = a_policy()
    policy = replace(policy, template=replace(policy.template, enrollee_supplies_subject=supplies))

    contradiction = the_one(policy, {"subject_name_flags": flags})

    assert (contradiction.path, contradiction.is_mistake) == (("template", "enrolleeSuppliesSubject"), True)
    assert contradiction.text.endswith(wanted)


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "least"),
    [
        ("[{algorithm: RSA, minimumKeyLength: 2048, maximumKeyLength: 3072}]", 4096),
        (P256, 384),
        (P256_OR_P384, 2048),
    ],
)
def test_keys_that_are_all_too_short_for_the_ca_are_a_mistake(key: str, least: int) -> None:
    contradiction = the_one(a_policy(key=key), {"minimal_key_length": least})

    assert (contradiction.path, contradiction.is_mistake) == (("rules", 0, "key"), True)
    assert f"{least} bits, and this rule allows shorter keys only" in contradiction.text


@pytest.mark.parametrize(
    ("curve", "bits"),
    [
        *(("secp256r1", 256), ("secp384r1", 384), ("secp521r1", 521)),
        *(("brainpoolP256r1", 256), ("brainpoolP384r1", 384), ("brainpoolP512r1", 512)),
    ],
)
def test_a_curve_is_as_long_as_its_name_says(curve: str, bits: int) -> None:
    policy = a_policy(key=f"[{{algorithm: EC, curves: [{curve}]}}]")

    assert found(policy, {"minimal_key_length": bits}) == []
    assert the_one(policy, {"minimal_key_length": bits + 1}).is_mistake
    assert not the_one(policy, {"minimal_key_length": bits - 1}).is_mistake


def test_a_rule_in_vain_beside_another_one_is_a_warning() -> None:
    policy = with_rules(a_policy(key=RSA_3072), a_policy(key=P256, name="another rule"))

    contradiction = the_one(policy, {"minimal_key_length": 3072})

    assert (contradiction.path, contradiction.is_mistake) == (("rules", 1, "key"), False)


@pytest.mark.parametrize(
    ("key", "least"),
    [
        (RSA_3072, 2048),
        ("[{algorithm: EC, curves: [secp384r1]}]", 256),
        (f"[{{algorithm: RSA, minimumKeyLength: 2048, maximumKeyLength: 2048}}, {RSA_3072[1:]}", 2560),
    ],
)
def test_keys_that_clients_build_by_the_template_and_no_rule_allows_are_a_warning(key: str, least: int) -> None:
    contradiction = the_one(a_policy(key=key), {"minimal_key_length": least})

    assert (contradiction.path, contradiction.is_mistake) == (("rules", 0, "key"), False)
    assert "clients that build keys by the template are refused" in contradiction.text


@pytest.mark.parametrize(
    ("key", "least"),
    [
        ("[{algorithm: RSA, minimumKeyLength: 2048}]", 2048),
        ("[{algorithm: RSA, minimumKeyLength: 2048, maximumKeyLength: 4096}]", 3072),
        ("[{algorithm: RSA, minimumKeyLength: 2048, maximumKeyLength: 3072}]", 3072),
        (P256_OR_P384, 256),
        (P256_OR_P384, 384),
        ("[{algorithm: RSA, minimumKeyLength: 2048}, {algorithm: EC, curves: [secp256r1]}]", 3072),
        ("[{algorithm: RSA, minimumKeyLength: 2048}, {algorithm: EC, curves: [secp256r1]}]", 256),
        ("[{algorithm: Ed25519}]", 256),
    ],
)
def test_a_key_of_the_template_s_length_that_is_allowed_is_none(key: str, least: int) -> None:
    assert found(a_policy(key=key), {"minimal_key_length": least}) == []


# --- usages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["extended_key_usage", "application_policies"])
def test_usages_of_the_template_that_no_rule_allows_are_a_mistake(place: str) -> None:
    contradiction = the_one(a_policy(), {place: ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.2.3.4")})

    assert (contradiction.path, contradiction.is_mistake) == (("rules", 0, "extendedKeyUsage"), True)
    assert "have clientAuth, 1.2.3.4, which this rule does not allow" in contradiction.text


def test_usages_that_another_rule_allows_are_a_warning() -> None:
    policy = with_rules(a_policy(BOTH), a_policy(name="another rule"))

    contradiction = the_one(policy, {"extended_key_usage": ("1.3.6.1.5.5.7.3.2",)})

    assert (contradiction.path, contradiction.is_mistake) == (("rules", 1, "extendedKeyUsage"), False)


# --- what is dangerous, or in vain ----------------------------------------------------------------------------------


def test_version_1_with_the_subject_from_the_request_is_noted() -> None:
    contradiction = the_one(a_policy(), {"policy_schema": 1})

    assert (contradiction.path, contradiction.is_mistake) == (("template",), False)
    assert "ESC15" in contradiction.text


def test_version_1_with_the_subject_from_the_directory_is_not() -> None:
    policy = a_policy()
    policy = replace(policy, template=replace(policy.template, enrollee_supplies_subject=False))

    assert found(policy, {"policy_schema": 1, "subject_name_flags": SubjectNameFlags(0)}) == []


def test_certificates_without_the_account_s_sid_are_a_warning() -> None:
    contradiction = the_one(a_policy(), {"enrollment_flags": EnrollmentFlags.NO_SECURITY_EXTENSION})

    assert not contradiction.is_mistake
    assert "ESC9" in contradiction.text


@pytest.mark.parametrize(("cas", "issuers"), [((), "no CA"), (("B", "C"), "B, C")])
def test_a_template_of_none_of_the_published_cas_is_a_mistake(cas: tuple[str, ...], issuers: str) -> None:
    contradiction = the_one(a_policy(), {"cas": cas})

    assert (contradiction.path, contradiction.is_mistake) == (("template", "name"), True)
    assert f"is issued by {issuers}, and no CES service is for such a `ca`" in contradiction.text


def test_where_no_ca_is_published_they_are_not_compared() -> None:
    assert found(a_policy(), {"cas": ("B",)}, cas=frozenset()) == []


def test_all_contradictions_are_told() -> None:
    changes = {
        "policy_schema": 1,
        "enrollment_flags": EnrollmentFlags.NO_SECURITY_EXTENSION,
        "minimal_key_length": 1024,
    }

    assert len(found(a_policy(BOTH), changes)) == 3


# --- validity, signers, archival ------------------------------------------------------------------------------------

RENEWAL = "renewal: {owner: [names]}"
ARCHIVING = {"private_key_flags": PrivateKeyFlags.REQUIRE_PRIVATE_KEY_ARCHIVAL}
NOT_ARCHIVING = {"private_key_flags": PrivateKeyFlags.EXPORTABLE_KEY}


def test_more_validity_than_the_templates_is_a_warning() -> None:
    (policy,) = (replace(each, maximum_validity=timedelta(days=30)) for each in a_policy().rules)
    policy_of_30_days = replace(a_policy(), rules=(policy,))

    contradiction = the_one(policy_of_30_days, {"validity_period": timedelta(days=29)})

    assert (contradiction.path, contradiction.is_mistake) == (("rules", 0, "validity"), False)
    assert "valid for 29 days" in contradiction.text
    assert found(policy_of_30_days, {"validity_period": timedelta(days=30)}) == []
    assert found(policy_of_30_days, {"validity_period": None}) == []
    assert found(a_policy(), {"validity_period": timedelta(days=29)}) == []


def test_signatures_that_no_rule_brings_are_a_warning() -> None:
    contradiction = the_one(a_policy(), {"ra_signatures": 1})

    assert (contradiction.path, contradiction.is_mistake) == (("template",), False)
    assert "no rule has onBehalfOf or renewal" in contradiction.text
    assert found(a_policy(SERVER, RENEWAL), {"ra_signatures": 1}) == []
    one_of_two = with_rules(a_policy(SERVER, RENEWAL), a_policy(name="another rule"))
    assert found(one_of_two, {"ra_signatures": 1}) == []


def test_a_key_that_no_rule_lets_be_archived_is_a_mistake() -> None:
    contradiction = the_one(a_policy(), ARCHIVING)

    assert (contradiction.path, contradiction.is_mistake) == (("template",), True)
    assert found(a_policy(SERVER, "keyArchival: required"), ARCHIVING) == []


def test_a_key_that_the_template_does_not_archive_is_a_warning() -> None:
    contradiction = the_one(a_policy(SERVER, "keyArchival: allowed"), NOT_ARCHIVING)

    assert (contradiction.path, contradiction.is_mistake) == (("rules", 0, "keyArchival"), False)
    assert found(a_policy(), NOT_ARCHIVING) == []
    assert found(a_policy(SERVER, "keyArchival: allowed"), {"private_key_flags": None}) == []
