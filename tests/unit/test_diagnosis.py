"""Every id that the audit record can name is explained, and none is explained that it cannot name."""

import re

from gateway.diagnosis import DIAGNOSES
from gateway.faults import FAULTS


def test_every_diagnosis_that_a_fault_names_is_explained_and_every_explanation_is_named() -> None:
    assert {fault.diagnosis for fault in FAULTS.values() if fault.diagnosis} == set(DIAGNOSES)


def test_ids_are_of_one_form() -> None:
    assert all(re.fullmatch(r"D[0-9]{2}", name) for name in DIAGNOSES)


def test_every_diagnosis_says_what_was_seen_and_what_to_do_in_whole_sentences() -> None:
    for diagnosis in DIAGNOSES.values():
        assert diagnosis.symptom.endswith(".")
        assert diagnosis.remedy.endswith((".", "?"))
