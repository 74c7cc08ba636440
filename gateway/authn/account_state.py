"""Whether the directory lets an account in at all, whatever its owner shows."""

from datetime import datetime

from gateway.account import Account, UserAccountControl
from gateway.errors import AccountDisabled, AccountExpired, AccountLocked, PasswordExpired


def check_usable(account: Account, now: datetime) -> None:
    """In the order of a KDC ([MS-KILE] 3.3.5.7.1). Raises AccountDisabled, AccountLocked, AccountExpired or
    PasswordExpired.
    """
    if UserAccountControl.ACCOUNTDISABLE in account.user_account_control:
        raise AccountDisabled(f"{account.name} is disabled")
    if account.is_locked_out:
        raise AccountLocked(f"{account.name} is locked out")
    if account.expires is not None and account.expires <= now:
        raise AccountExpired(f"{account.name} has expired at {account.expires}")
    if account.password_expired:
        raise PasswordExpired(f"the password of {account.name} has expired, or must be changed at the next logon")
