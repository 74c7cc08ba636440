from gateway.policy.decision import Concern, Violation
from gateway.policy.violations import first_of, violation


def test_short_texts_are_kept() -> None:
    made = violation("a rule", Concern.SUBJECT, "commonName", "x" * 120, "absent")

    assert made == Violation("a rule", Concern.SUBJECT, "commonName", "x" * 120, "absent")


def test_what_the_client_wrote_is_cut_before_it_fills_the_record() -> None:
    made = violation("a rule", Concern.ATTRIBUTES, "f" * 10_000, "v" * 10_000, "w" * 10_000)

    assert made.field == "f" * 119 + "…"
    assert made.value == "v" * 119 + "…"
    assert made.wanted == "w" * 399 + "…"


def test_a_flood_of_violations_is_cut_too() -> None:
    flood = (violation("a rule", Concern.SUBJECT, "title", str(n), "absent") for n in range(10_000))

    assert [each.value for each in first_of(flood)] == [str(n) for n in range(20)]
    assert first_of(()) == ()


def test_a_forbidden_thing_does_not_hide_behind_a_flood_of_others() -> None:
    wrong = [violation("a rule", Concern.ATTRIBUTES, str(n), "", "absent") for n in range(30)]
    forbidden = violation("a rule", Concern.ATTRIBUTES, "san", "", "absent", is_forbidden=True)

    assert first_of([*wrong, forbidden, forbidden]) == (*wrong[:20], forbidden)
    assert first_of([forbidden, *wrong, forbidden]) == (forbidden, *wrong[:19])
