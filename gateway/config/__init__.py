"""The configuration: typed, checked whole before the first socket, every mistake reported with its line."""

from gateway.config.load import Checked, load_configuration, policy_files, read_policies
from gateway.config.settings import (
    Authentication,
    CEPSettings,
    CESSettings,
    Configuration,
    TransitionKind,
)

__all__ = [
    "Authentication",
    "CEPSettings",
    "CESSettings",
    "Checked",
    "Configuration",
    "TransitionKind",
    "load_configuration",
    "policy_files",
    "read_policies",
]
