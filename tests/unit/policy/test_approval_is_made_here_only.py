"""Types hold the order of things only if nobody else makes the values: Python cannot forbid it, this test does."""

import ast
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parents[3] / "gateway"


def files_that_call(name: str) -> set[str]:
    """Where a class of this name is constructed, by any path to it; aliases and `replace` would need a reviewer."""
    return {
        file.relative_to(GATEWAY).as_posix()
        for file in GATEWAY.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and name in {getattr(node.func, "id", None), getattr(node.func, "attr", None)}
    }


def test_an_approval_is_made_by_the_decision_only() -> None:
    assert files_that_call("Approval") == {"policy/decision.py"}


def test_a_requester_is_made_by_authentication_only() -> None:
    makers = files_that_call("Requester")

    assert makers
    assert {maker for maker in makers if not maker.startswith("authn/")} == set()


def test_a_signer_is_vouched_for_by_the_authorities_only() -> None:
    assert files_that_call("TrustedCertificate") == {"pki/authorities.py"}


def test_a_revocation_list_is_made_by_its_reader_only() -> None:
    assert files_that_call("RevocationList") == {"pki/revocation_list.py"}


@pytest.mark.parametrize("name", ["Approval", "Requester", "TrustedCertificate", "RevocationList"])
def test_nobody_hides_behind_an_alias(name: str) -> None:
    renamed = {
        file.relative_to(GATEWAY).as_posix()
        for file in GATEWAY.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.alias) and node.name == name and node.asname is not None
    }

    assert renamed == set()
