"""The words agree with each other, with those that the parsers use, and with the documentation."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.pki import extensions, names
from gateway.policy import examples, vocabulary
from gateway.policy.document import KeyUsage
from gateway.policy.expected import SecurityIdentifier
from gateway.policy.identity import IDENTITY
from gateway.policy.key_sections import Curve
from gateway.policy.sections import is_object_identifier
from gateway.policy.vocabulary import REFUSED_NAMES
from gateway.policy.wellformed import WELL_FORMED

PAGE = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        vocabulary.SUBJECT_FIELDS.values(),
        WELL_FORMED,
        IDENTITY,
        get_args(KeyUsage),
        get_args(Curve),
        vocabulary.EXTENDED_KEY_USAGES,
        vocabulary.EXTENSIONS,
        SecurityIdentifier,
    ],
)
def test_every_word_is_told(words: Iterable[str]) -> None:
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_extensions_are_called_as_in_the_standards() -> None:
    usages = "keyUsage extendedKeyUsage applicationPolicies certificatePolicies"
    names = "subjectAlternativeName basicConstraints certificateTemplateName certificateTemplate securityIdentifier"
    of_cas = "nameConstraints policyMappings policyConstraints inhibitAnyPolicy"
    of_cas_of_microsoft = "applicationPolicyMappings applicationPolicyConstraints"
    of_names = "subjectDirectoryAttributes issuerAltName"

    assert set(vocabulary.JUDGED_EXTENSIONS.values()) == set(f"{usages} {names}".split())
    assert set(vocabulary.REFUSED_EXTENSIONS.values()) == {
        *f"{of_cas} {of_cas_of_microsoft} {of_names}".split(),
        "subjectAltName of X.509 (1993)",
    }


def test_an_extension_is_judged_or_refused_or_left_alone() -> None:
    groups = [
        set(vocabulary.JUDGED_EXTENSIONS),
        set(vocabulary.REFUSED_EXTENSIONS),
        set(vocabulary.EXTENSIONS.values()),
    ]

    assert len(set.union(*groups)) == sum(map(len, groups))


@pytest.mark.parametrize(
    "oids",
    [
        vocabulary.ANY_USAGE,
        vocabulary.JUDGED_EXTENSIONS,
        vocabulary.REFUSED_EXTENSIONS,
        vocabulary.SIGNATURE_ALGORITHMS,
        vocabulary.SUBJECT_FIELDS,
        vocabulary.TOLERATED_PKCS10_ATTRIBUTES,
        vocabulary.EXTENDED_KEY_USAGES.values(),
        vocabulary.EXTENSIONS.values(),
    ],
)
def test_every_object_identifier_is_well_formed(oids: object) -> None:
    assert isinstance(oids, type({}.values()) | dict)
    assert all(map(is_object_identifier, oids))
    assert len(set(oids)) == len(oids)


def test_key_usages_are_called_as_the_parser_calls_them() -> None:
    all_but_those_of_a_ca = set(extensions.KEY_USAGES) - {"keyCertSign", "cRLSign"}

    assert set(get_args(KeyUsage)) == all_but_those_of_a_ca
    assert set(get_args(examples.KeyUsage)) == set(extensions.KEY_USAGES)


def test_curves_are_called_as_the_library_calls_them() -> None:
    known = {curve.name for curve in vars(ec).values() if isinstance(curve, type) and hasattr(curve, "name")}
    nist = {"secp256r1", "secp384r1", "secp521r1"}

    assert nist < set(get_args(Curve)) < {str(name) for name in known} | nist


def test_general_names_that_nobody_can_judge_are_not_in_the_language() -> None:
    refused = set(names.GeneralNameType) - set(WELL_FORMED)

    assert refused == {"otherName", "x400Address", "ediPartyName"}
    assert {"x400Address", "ediPartyName"} <= set(REFUSED_NAMES)
