"""Fuzzes one target: `python -m tests.fuzz TARGET [libFuzzer's arguments]`. `make fuzz` runs them all.

To see a finding again: `python -m tests.fuzz TARGET FILE`.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import TypeGuard

import atheris

with atheris.instrument_imports(include=["gateway"]):
    from gateway.errors import MalformedCertificationRequest
    from gateway.pki import signatures
    from tests.fuzz.targets import TARGETS, seeds_of

_LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=256")
"""Seconds and megabytes that no input may take; a whole gateway must do with little more. The time is a hundred times
what the slowest takes on an idle machine, for this one may be busy."""


def main() -> None:
    name, *arguments = sys.argv[1:]
    target = TARGETS[name]
    if not target.signatures_count:
        _take_signatures_as_good()
    mutation = target.mutation(seeds_of(target))

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return mutation(data, most, seed, atheris.Mutate)

    options = [sys.argv[0], *_LIMITS, f"-max_len={target.most}", *arguments]
    atheris.Setup(options, target.run, custom_mutator=mutate)
    atheris.Fuzz()


def _take_signatures_as_good() -> None:
    """What verifies one is called, and its refusal is not heard; each digest is the one that is wanted."""
    for module in [module for name, module in sys.modules.items() if name.startswith("gateway.pki.")]:
        for name, function in list(vars(module).items()):
            if name.lstrip("_").startswith("verify") and _only_verifies(function):
                setattr(module, name, _unheard(function))
    signatures.digest = _wanted_digest


def _only_verifies(function: object) -> TypeGuard[Callable[..., None]]:
    return isinstance(function, FunctionType) and function.__annotations__["return"] is None


def _unheard(verify: Callable[..., None]) -> Callable[..., None]:
    def verify_and_go_on(*arguments: object) -> None:
        with suppress(MalformedCertificationRequest):
            verify(*arguments)

    return verify_and_go_on


def _wanted_digest(name: str, message: bytes, digest: Callable[[str, bytes], bytes] = signatures.digest) -> bytes:
    return _Wanted(digest(name, message))


class _Wanted(bytes):
    """Equal to whatever it is compared with."""

    __hash__ = bytes.__hash__

    def __eq__(self, _other: object) -> bool:
        return True

    def __ne__(self, _other: object) -> bool:
        return False


if __name__ == "__main__":
    main()
