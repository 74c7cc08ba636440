from base64 import b64encode
from datetime import UTC, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.catalogue import LONGEST_PERIOD, Catalogue, CatalogueCA, CatalogueTemplate, Learned
from gateway.policy.catalogue_document import read_catalogue, write_catalogue
from gateway.policy.template_flags import EnrollmentFlags, GeneralFlags, PrivateKeyFlags, SubjectNameFlags
from gateway.strict_yaml import Mistaken
from tests.templates import CA_1, SOURCE, a_ca_certificate, a_catalogue_template

A_CERTIFICATE = b64encode(a_ca_certificate()).decode()
BY_HAND = """
templates:
  - commonName: PartnerWebServer
    oid: 1.3.6.1.4.1.311.21.8.1.1
    policySchema: 2
    validityPeriodSeconds: 31536000
    subjectNameFlags: [ENROLLEE_SUPPLIES_SUBJECT]
    enrollmentFlags: []
    rASignatures: 0
    extendedKeyUsage: [serverAuth, 1.2.3.4]
    cAs: [Corp Issuing CA 1]
"""


def mistakes(text: str) -> str:
    with pytest.raises(Mistaken) as mistaken:
        read_catalogue(text, "catalogue.yaml")
    return str(mistaken.value)


def test_a_file_by_hand_says_what_it_says_and_nothing_else() -> None:
    (template,) = read_catalogue(BY_HAND, "catalogue.yaml").templates

    assert template == CatalogueTemplate(
        common_name="PartnerWebServer",
        oid="1.3.6.1.4.1.311.21.8.1.1",
        policy_schema=2,
        validity_period=timedelta(days=365),
        subject_name_flags=SubjectNameFlags.ENROLLEE_SUPPLIES_SUBJECT,
        enrollment_flags=EnrollmentFlags(0),
        ra_signatures=0,
        extended_key_usage=("1.3.6.1.5.5.7.3.1", "1.2.3.4"),
        cas=("Corp Issuing CA 1",),
    )


def test_what_is_written_is_read_as_the_same() -> None:
    catalogue = Catalogue(
        (a_catalogue_template(), a_catalogue_template("By hand", "1.2.3", source=None)),
        (CatalogueCA(CA_1, a_ca_certificate(), SOURCE), CatalogueCA("B", a_ca_certificate("B"))),
    )

    assert read_catalogue(write_catalogue(catalogue), "catalogue.yaml") == catalogue


def test_nothing_is_written_and_read_too() -> None:
    assert read_catalogue(write_catalogue(Catalogue()), "catalogue.yaml") == Catalogue()


def test_what_nobody_has_said_is_not_written() -> None:
    text = write_catalogue(Catalogue((CatalogueTemplate(common_name="Gerät", oid="1.2.3"),)))

    header, _, content = text.partition("\n")
    assert header == "# Written by ces-gateway. Entries without `source` are yours and stay; comments do not."
    assert content == (
        '{\n "templates": [\n  {\n   "commonName": "Gerät",\n   "oid": "1.2.3"\n  }\n ],\n "cAs": []\n}\n'
    )


def test_characters_that_yaml_does_not_know_are_written_as_numbers() -> None:
    strange = "a\x7f\x85\u2028\ufeff\uffff"
    catalogue = Catalogue((CatalogueTemplate(common_name=strange, oid="1.2.3"),))

    text = write_catalogue(catalogue)

    assert r"a\u007f\u0085\u2028\ufeff\uffff" in text
    assert read_catalogue(text, "catalogue.yaml") == catalogue


def test_a_period_may_be_of_no_seconds() -> None:
    text = "templates: [{commonName: A, oid: 1.2.3, renewalPeriodSeconds: 0}]"

    (template,) = read_catalogue(text, "catalogue.yaml").templates

    assert template.renewal_period == timedelta(0)


_numbers = st.none() | st.integers(0, 2**32 - 1)
_periods = st.none() | st.integers(0, int(LONGEST_PERIOD.total_seconds())).map(lambda n: timedelta(seconds=n))
_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_oids = st.lists(st.integers(0, 2**31), min_size=1, max_size=4).map(lambda arcs: ".".join(map(str, (1, 3, *arcs))))
_usages = st.none() | st.lists(_oids, max_size=3).map(tuple)
_templates = st.builds(
    CatalogueTemplate,
    common_name=_texts,
    oid=_oids,
    default_name=st.none() | _texts,
    policy_schema=_numbers,
    validity_period=_periods,
    renewal_period=_periods,
    minimal_key_length=_numbers,
    major_revision=_numbers,
    minor_revision=_numbers,
    private_key_flags=st.none() | st.integers(0, 2**32 - 1).map(PrivateKeyFlags),
    subject_name_flags=st.none() | st.integers(0, 2**32 - 1).map(SubjectNameFlags),
    enrollment_flags=st.none() | st.integers(0, 2**32 - 1).map(EnrollmentFlags),
    general_flags=st.none() | st.integers(0, 2**32 - 1).map(GeneralFlags),
    ra_signatures=_numbers,
    extended_key_usage=_usages,
    application_policies=_usages,
    cas=st.none() | st.lists(_texts, max_size=3).map(tuple),
    source=st.none() | st.builds(Learned, service=_texts, at=st.datetimes(timezones=st.just(UTC))),
)


@given(_templates)
@settings(derandomize=True, deadline=None)
def test_whatever_cep_says_of_a_template_is_read_as_it_was_written(template: CatalogueTemplate) -> None:
    assert read_catalogue(write_catalogue(Catalogue((template,))), "catalogue.yaml").templates == (template,)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("templates: [{oid: 1.2.3}]", "catalogue.yaml:1: templates.0.commonName: missing"),
        ("templates: [{commonName: A}]", "templates.0.oid: missing"),
        ("templates: [{commonName: A, oid: one}]", "templates.0.oid: not an object identifier"),
        ("templates: [{commonName: A, oid: 1.2.3, subjectNameFlags: [X]}]", "subjectNameFlags: X is no flag: write"),
        ("templates: [{commonName: A, oid: 1.2.3, extendedKeyUsage: [web]}]", "extendedKeyUsage.0: not an object"),
        ("templates: [{commonName: A, oid: 1.2.3, extendedKeyUsage: [1]}]", "extendedKeyUsage.0: Input should be"),
        ("templates: [{commonName: A, oid: 1.2.3, extendedKeyUsage: [[a]]}]", "extendedKeyUsage.0: Input should be"),
        ("templates: [{commonName: A, oid: 1.2.3, majorRevision: 4294967296}]", "majorRevision: Input should be"),
        ("templates: [{commonName: A, oid: 1.2.3, colour: red}]", "templates.0.colour: unknown key"),
        ("templates: [{commonName: A, oid: 1.2.3, validityPeriodSeconds: -1}]", "validityPeriodSeconds: Input should"),
        ("cAs: [{commonName: A, certificate: '!'}]", "cAs.0.certificate: no certificate in base64"),
        (f"cAs: [{{commonName: A, certificate: '!{A_CERTIFICATE}'}}]", "cAs.0.certificate: no certificate in base64"),
        ("cAs: [{commonName: A, certificate: AAAA}]", "cAs.0.certificate: no certificate in base64"),
        (
            "templates:\n - {commonName: A, oid: 1.2.3}\n - {commonName: B, oid: 1.2.3}",
            "catalogue.yaml:3: templates.1.oid: another template has this object identifier",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, mistake: str) -> None:
    assert mistake in mistakes(text)
