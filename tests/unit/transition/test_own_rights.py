from dataclasses import dataclass, field

import pytest

from gateway.account import UserAccountControl
from gateway.errors import (
    AccountAmbiguous,
    DelegationNotListed,
    DelegationNotTrusted,
    DirectoryUnavailable,
    GatewayError,
    TransitionFailed,
    UnknownUser,
)
from gateway.transition.own_rights import OwnRights
from tests.unit.transition.samples import SPN

TRUSTED = UserAccountControl.TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION | 0x200
NOT_TRUSTED = UserAccountControl(0x200)


@dataclass(frozen=True)
class Rights:
    """As the directory has them."""

    user_account_control: UserAccountControl = TRUSTED
    allowed_to_delegate_to: frozenset[str] = frozenset({SPN})


@dataclass
class FakeDirectory:
    rights: Rights | GatewayError
    asked: list[str] = field(default_factory=list)

    async def delegation_of(self, sam_account_name: str) -> Rights:
        self.asked.append(sam_account_name)
        if isinstance(self.rights, GatewayError):
            raise self.rights
        return self.rights


async def explanation(rights: Rights | GatewayError, *, needs_protocol_transition: bool = True) -> TransitionFailed:
    directory = FakeDirectory(rights)
    error = await OwnRights(directory, "svc-gateway").explain(SPN, needs_protocol_transition=needs_protocol_transition)
    assert directory.asked == ["svc-gateway"]
    assert str(error).startswith(f"the KDC does not let svc-gateway delegate to {SPN}")
    return error


async def test_without_trust_for_protocol_transition_that_is_what_is_missing() -> None:
    error = await explanation(Rights(NOT_TRUSTED))

    assert type(error) is DelegationNotTrusted
    assert "TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION" in str(error)
    assert "msDS-AllowedToDelegateTo" not in str(error)


async def test_with_an_evidence_ticket_no_such_trust_is_needed() -> None:
    error = await explanation(Rights(NOT_TRUSTED, frozenset()), needs_protocol_transition=False)

    assert type(error) is DelegationNotListed
    assert "TRUSTED" not in str(error)


@pytest.mark.parametrize("needs_protocol_transition", [True, False])
async def test_a_list_without_the_spn_is_shown(needs_protocol_transition: bool) -> None:
    rights = Rights(allowed_to_delegate_to=frozenset({"HTTP/ces", f"{SPN}:443"}))

    error = await explanation(rights, needs_protocol_transition=needs_protocol_transition)

    assert type(error) is DelegationNotListed
    assert str(error).endswith(f"its msDS-AllowedToDelegateTo lacks this SPN (it has HTTP/ces, {SPN}:443)")


async def test_where_all_is_missing_all_is_told() -> None:
    error = await explanation(Rights(NOT_TRUSTED, frozenset()))

    assert type(error) is DelegationNotTrusted
    assert "TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION" in str(error)
    assert str(error).endswith("lacks this SPN (it has nothing)")


async def test_a_long_list_is_shown_in_part() -> None:
    error = await explanation(Rights(allowed_to_delegate_to=frozenset(f"HTTP/web{n:02}" for n in range(50))))

    assert "HTTP/web00" in str(error)
    assert str(error).endswith("HTTP/web19 and 30 more)")


@pytest.mark.parametrize("listed", [SPN, SPN.upper(), SPN.lower()])
@pytest.mark.parametrize("needs_protocol_transition", [True, False])
async def test_where_nothing_is_missing_the_client_s_side_is_named(
    listed: str, needs_protocol_transition: bool
) -> None:
    rights = Rights(allowed_to_delegate_to=frozenset({listed}))

    error = await explanation(rights, needs_protocol_transition=needs_protocol_transition)

    assert type(error) is DelegationNotListed
    assert "the client's account or ticket" in str(error)
    assert "lacks this SPN" not in str(error)


@pytest.mark.parametrize("failure", [DirectoryUnavailable("no answer"), UnknownUser("?"), AccountAmbiguous("two")])
async def test_a_directory_that_cannot_say_leaves_both_possibilities(failure: GatewayError) -> None:
    error = await explanation(failure)

    assert type(error) is DelegationNotListed
    assert "TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION" in str(error)
    assert "msDS-AllowedToDelegateTo" in str(error)
    assert str(error).endswith(f"the directory cannot say: {failure}")


async def test_a_directory_that_cannot_say_leaves_one_possibility_with_an_evidence_ticket() -> None:
    error = await explanation(DirectoryUnavailable("no answer"), needs_protocol_transition=False)

    assert "TRUSTED" not in str(error)


async def test_an_own_account_that_is_sensitive_itself_is_told() -> None:
    error = await explanation(Rights(TRUSTED | UserAccountControl.NOT_DELEGATED))

    assert "it is itself marked sensitive (NOT_DELEGATED)" in str(error)
