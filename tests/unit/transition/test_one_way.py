"""There is one way to a ticket in somebody's name, and it passes the guard: by the syntax tree, by the signatures, and
by what happens.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from gateway.account import Admitted
from gateway.errors import AccountOutsideScope, EvidenceStale, TransitionFailed
from gateway.kerberos.delegation import Delegation
from gateway.requester import Requester
from gateway.transition import kerberos, pass_on
from gateway.transition.guard import Guard, ImpersonationSettings
from gateway.transition.own_rights import OwnRights
from gateway.transition.ticket_cache import TicketCache
from tests.builders import NOW, an_account
from tests.unit.transition.samples import EVIDENCE_TICKET, SPN, TICKET_GRANTING_TICKET, an_authenticated

GATEWAY = Path(__file__).parents[3] / "gateway"
IN_A_REQUESTERS_NAME = {"ProtocolTransition", "ConstrainedDelegation", "UserTicket"}


# --- by the syntax tree ---------------------------------------------------------------------------------------------


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Every node of the gateway's source that could name a class, with its file."""
    return [
        (file.relative_to(GATEWAY).as_posix(), node)
        for file in GATEWAY.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call | ast.alias | ast.Assign | ast.ClassDef)
    ]


def calls_of(name: str) -> Iterator[tuple[str, ast.Call]]:
    for file, node in nodes():
        if isinstance(node, ast.Call) and name in {getattr(node.func, "id", None), getattr(node.func, "attr", None)}:
            yield file, node


def claims_an_account(call: ast.Call) -> bool:
    """Whether a KerberosCredential is made with anything but `acts_as_sid=None`."""
    written = {keyword.arg: keyword.value for keyword in call.keywords}
    acts_as = written.get("acts_as_sid")
    return not (isinstance(acts_as, ast.Constant) and acts_as.value is None)


def test_only_the_guard_admits() -> None:
    assert {file for file, _ in calls_of("Admitted")} == {"transition/guard.py"}


def test_only_a_transition_acts_as_somebody() -> None:
    assert {file for file, call in calls_of("KerberosCredential") if claims_an_account(call)} == {
        "transition/kerberos.py"
    }


@pytest.mark.parametrize("name", ["Admitted", "KerberosCredential", "Guard"])
def test_nobody_hides_behind_another_name(name: str) -> None:
    """Neither `import … as`, nor an assignment, nor a subclass, nor `cast`: each would name it outside of a call."""
    aliases = {file for file, node in nodes() if isinstance(node, ast.alias) and node.name == name and node.asname}
    assigned = {
        file for file, node in nodes() if isinstance(node, ast.Assign) and getattr(node.value, "id", None) == name
    }
    derived = {
        file
        for file, node in nodes()
        if isinstance(node, ast.ClassDef) and name in {getattr(base, "id", None) for base in node.bases}
    }

    assert aliases | assigned | derived == set()


def test_the_guard_makes_it_in_one_place_at_its_end() -> None:
    tree = ast.parse((GATEWAY / "transition/guard.py").read_text(encoding="utf-8"))
    (admit,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "admit")
    made = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Admitted"
    ]

    assert isinstance(last := admit.body[-1], ast.Return)
    assert made == [last.value]


# --- by the signatures ----------------------------------------------------------------------------------------------


def functions_of(kind: type) -> dict[str, Any]:
    return {name: f for name, f in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("delegation", [kerberos.Delegation, Delegation], ids=["the port", "what stands behind it"])
def test_tickets_are_made_for_the_admitted_only(delegation: type) -> None:
    functions = functions_of(delegation)

    assert functions.keys() == {"s4u", "s4u2proxy", "user_ticket", "own_ticket"}
    for name, function in functions.items():
        takes = {parameter: kind for parameter, kind in get_type_hints(function).items() if parameter != "return"}
        whom = {parameter for parameter, kind in takes.items() if kind is Admitted}
        if name == "own_ticket":
            assert takes == {"spn": str}
        else:
            # Besides the admitted, evidence of the kind that the guard has seen; no Account, no Requester, no name.
            assert len(whom) == 1, name
            assert takes.keys() - whom <= {"spn", "evidence", "tgt"}, name


def test_the_guard_alone_gives_the_leave() -> None:
    assert get_type_hints(Guard.admit) == {"requester": Requester, "return": Admitted}


# --- by what happens ------------------------------------------------------------------------------------------------


class NobodyMayBeAsked:
    """KDC and directory in one: any question fails the test."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked before the guard had admitted anybody")


def transitions() -> dict[str, type]:
    """Every class of this package that yields a credential."""
    return {
        name: kind
        for module in (kerberos, pass_on)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and hasattr(kind, "credential")
    }


def a_transition(kind: type, guard: Guard) -> Any:
    """Made with whatever its fields want."""
    nobody: Any = NobodyMayBeAsked()
    parts = {
        "guard": guard,
        "tickets": TicketCache(600, lambda: NOW),
        "delegation": nobody,
        "own_rights": OwnRights(nobody, "svc-gateway"),
        "spn": SPN,
    }
    return kind(**{name: parts[name] for name in inspect.signature(kind).parameters})


def test_every_transition_is_known_here() -> None:
    assert transitions().keys() == {
        *IN_A_REQUESTERS_NAME,
        "OwnAccountTicket",
        "PassOnUsernameToken",
        "UseOwnCertificate",
    }


@pytest.mark.parametrize("name", sorted(IN_A_REQUESTERS_NAME))
@pytest.mark.parametrize("evidence", [None, EVIDENCE_TICKET, TICKET_GRANTING_TICKET])
@pytest.mark.parametrize(
    ("seconds_later", "groups", "error"),
    [(0, ("others",), AccountOutsideScope), (3600, ("domain users",), EvidenceStale)],
)
async def test_whom_the_guard_refuses_no_transition_acts_for(
    name: str, evidence: Any, seconds_later: int, groups: tuple[str, ...], error: type[Exception]
) -> None:
    guard = Guard(ImpersonationSettings(groups=groups), "svc-gateway", lambda: NOW + timedelta(seconds=seconds_later))

    with pytest.raises(error):
        await a_transition(transitions()[name], guard).credential(an_authenticated(an_account(), evidence))


@pytest.mark.parametrize("name", sorted(IN_A_REQUESTERS_NAME))
async def test_who_was_not_looked_up_is_nobody_to_act_for(name: str) -> None:
    guard = Guard(ImpersonationSettings(groups=("domain users",)), "svc-gateway", lambda: NOW)

    with pytest.raises(TransitionFailed, match="not looked up"):
        await a_transition(transitions()[name], guard).credential(replace(an_authenticated(), directory_account=None))
