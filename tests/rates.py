"""`rate_limits` for tests and benches in which one machine is a crowd."""

from gateway.rates.settings import Limit

PLENTY = {limit.value: {"count": 1_000_000, "period": "1s", "burst": 1_000_000} for limit in Limit}
"""Spent like any other budget, so that it costs what it costs."""
