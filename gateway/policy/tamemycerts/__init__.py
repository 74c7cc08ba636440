"""Policies of TameMyCerts, an AD CS policy module, and what they come to as policies of the gateway.

Never more is allowed than there. What cannot be expressed makes the outcome stricter, or is a mistake in it that keeps
it from being loaded until an administrator has decided.
"""

from gateway.policy.tamemycerts.translation import Imported, Target, import_policy

__all__ = ["Imported", "Target", "import_policy"]
