"""Of composition, what can be got wrong without anything failing."""

from dataclasses import replace

import pytest

from gateway.app import asks_as
from gateway.config import TransitionKind
from tests.builders import a_requester, an_account

OF_REQUESTER = {kind for kind in TransitionKind if kind.impersonates}


def test_an_answer_to_somebody_s_password_is_nobody_else_s() -> None:
    assert asks_as(TransitionKind.PASS_ON_USERNAME_TOKEN, a_requester()) is None


@pytest.mark.parametrize("kind", [TransitionKind.OWN_ACCOUNT, TransitionKind.OWN_CERTIFICATE])
def test_an_answer_to_the_gateway_is_everybody_s(kind: TransitionKind) -> None:
    assert asks_as(kind, a_requester("partner-a")) == asks_as(kind, a_requester("partner-b")) is not None


@pytest.mark.parametrize("kind", OF_REQUESTER)
def test_an_answer_to_an_account_is_that_account_s(kind: TransitionKind) -> None:
    alice, bob = (replace(a_requester(), directory_account=an_account(sid=sid)) for sid in ("S-1-5-21-1", "S-1-5-21-2"))

    assert asks_as(kind, alice) == "S-1-5-21-1"
    assert asks_as(kind, bob) == "S-1-5-21-2"
    assert asks_as(kind, a_requester()) is None
