"""The words agree with each other, and with those that the parsers use."""

from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.pki import extensions, names
from gateway.policy import vocabulary
from gateway.policy.document import KeyUsage
from gateway.policy.key_sections import Curve
from gateway.policy.sections import is_object_identifier
from gateway.policy.vocabulary import REFUSED_NAMES
from gateway.policy.wellformed import WELL_FORMED


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


def test_curves_are_called_as_the_library_calls_them() -> None:
    known = {curve.name for curve in vars(ec).values() if isinstance(curve, type) and hasattr(curve, "name")}
    nist = {"secp256r1", "secp384r1", "secp521r1"}

    assert nist < set(get_args(Curve)) < {str(name) for name in known} | nist


def test_general_names_that_nobody_can_judge_are_not_in_the_language() -> None:
    refused = set(names.GeneralNameType) - set(WELL_FORMED)

    assert refused == {"otherName", "x400Address", "ediPartyName"}
    assert {"x400Address", "ediPartyName"} <= set(REFUSED_NAMES)
