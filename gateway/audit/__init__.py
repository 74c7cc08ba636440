"""The durable record: what was asked, by whom, what was decided and why, and what came of it.

One JSON line per decision and per outcome, each chained to the line before. Passwords, tokens and keys are not in it:
lines are built from named fields only (`gateway.audit.facts`), never from the repr of a value.
"""

from gateway.audit.log import AuditLog
from gateway.audit.record import SecondOpinion
from gateway.audit.verification import Verification, verify

__all__ = ["AuditLog", "SecondOpinion", "Verification", "verify"]
