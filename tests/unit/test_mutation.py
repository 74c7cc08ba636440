import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def mutation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutation", ROOT / "scripts" / "mutation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutation"] = module
    spec.loader.exec_module(module)
    return module


def mutants_of(source: str) -> list[str]:
    return [mutant.source for mutant in mutation().mutants(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("x = a and b", ["x = a or b", "x = b", "x = a"]),
        ("x = not a", ["x = a"]),
        ("x = a | b", ["x = a & b"]),
        ("x = b if a else c", ["x = b if False else c", "x = b if True else c"]),
        ("x = [a for a in b if a]", ["x = [a for a in b]"]),
        ("x = 1", ["x = 2"]),
        ("x = True", ["x = False"]),
        ("x = 'a'", ["x = 'aX'"]),
        ("x = any(a)", ["x = all(a)"]),
        ("x = a.lower()", ["x = a"]),
    ],
)
def test_one_thing_is_changed_at_a_time(source: str, expected: list[str]) -> None:
    # What only has a value is left out too, as a statement.
    assert [mutant for mutant in mutants_of(source) if mutant != "pass"] == expected


def test_statements_are_left_out_and_values_not_returned() -> None:
    assert mutants_of("def f():\n    g()\n    raise E('text')\n    return a") == [
        "def f():\n    pass\n    raise E('text')\n    return a",
        "def f():\n    g()\n    pass\n    return a",
        "def f():\n    g()\n    raise E('text')\n    return None",
    ]


def test_texts_for_people_and_types_are_left_alone() -> None:
    source = """
'''text'''
@d(1)
def f(a: 'A' = b) -> 'B':
    '''text'''
    assert a == 1
    return None
x: 'C' = f'text {a}'
T = TypeVar('T')
x = 'a text'
x = field(repr=False)
"""

    assert mutants_of(source) == []


def test_the_line_of_the_change_is_told() -> None:
    (mutant,) = mutation().mutants("x = y\nx = 1")

    assert str(mutant) == "2: x = 1  ->  x = 2"


def test_of_what_is_around_a_constant_as_much_is_told_as_fits_into_a_line() -> None:
    (mutant, *_) = mutation().mutants(f"def f():\n    x = g({'a, ' * 40}h(1))")

    assert mutant.change == "h(1)  ->  h(2)"


def test_the_lines_are_those_of_the_statement_without_its_blocks() -> None:
    source = """
if (a or
        b):
    x = (y
         and z)
"""

    assert {str(mutant.lines) for mutant in mutation().mutants(source)} == {"range(2, 4)", "range(4, 6)"}
