from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.account import UserAccountControl
from gateway.authn.account_state import check_usable
from gateway.errors import AccountDisabled, AccountExpired, AccountLocked, NotAuthenticated, PasswordExpired
from tests.builders import an_account

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("expires", [None, NOW + SECOND])
def test_an_account_with_nothing_against_it_is_usable(expires: datetime | None) -> None:
    check_usable(an_account(expires=expires), NOW)


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ({"user_account_control": UserAccountControl(0x202)}, AccountDisabled),
        ({"is_locked_out": True}, AccountLocked),
        ({"expires": NOW}, AccountExpired),
        ({"password_expired": True}, PasswordExpired),
    ],
)
def test_each_state_has_its_own_refusal(state: dict[str, Any], refusal: type[NotAuthenticated]) -> None:
    with pytest.raises(refusal, match=r"alice@corp\.example"):
        check_usable(an_account(**state), NOW)
