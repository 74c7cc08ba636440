"""The condition on the key, and on the signature that proves its possession."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256

from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.keys import PublicKey
from gateway.pki.weak_keys import weakness
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.violations import first_of, violation
from gateway.policy.vocabulary import SIGNATURE_ALGORITHMS


@dataclass(frozen=True, slots=True)
class KeyRule:
    """One kind of public key. Lengths are in bits, inclusive."""

    algorithm: str
    minimum_key_length: int = 0
    maximum_key_length: int | None = None
    curves: tuple[str, ...] | None = None
    public_exponents: tuple[int, ...] | None = None

    def allows(self, key: PublicKey) -> bool:
        return (
            key.algorithm == self.algorithm
            and key.size >= self.minimum_key_length
            and (self.maximum_key_length is None or key.size <= self.maximum_key_length)
            and (self.curves is None or key.curve in self.curves)
        )

    def allows_exponent_of(self, key: PublicKey) -> bool:
        """Asked of keys that are allowed apart from it."""
        return self.public_exponents is None or key.exponent in self.public_exponents

    def __str__(self) -> str:
        if self.curves is not None:
            return f"{self.algorithm} {' or '.join(self.curves)}"
        if not self.minimum_key_length:
            return self.algorithm
        longest = "" if self.maximum_key_length is None else f" to {self.maximum_key_length}"
        return f"{self.algorithm} {self.minimum_key_length}{longest or ' or more'}"


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """`key`: one of the kinds must fit, and the signature of the request must still prove something.

    Keys that anybody knows, or can compute, are forbidden to all.
    """

    allowed: tuple[KeyRule, ...]
    blocked: AbstractSet[bytes] = frozenset()
    """SHA-256 of the SubjectPublicKeyInfo of keys that are known to others."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return first_of(self._violations(rule, application.request))

    def _violations(self, rule: str, request: CertificateRequest) -> Iterator[Violation]:
        key = request.public_key
        yield from self._wrong_kind(rule, key)
        if request.signature_algorithm not in SIGNATURE_ALGORITHMS:
            wanted = "RSA or ECDSA with SHA-2, or EdDSA"
            yield violation(rule, Concern.KEY, "signatureAlgorithm", request.signature_algorithm, wanted)
        if key.modulus is not None and key.exponent is not None and (weak := weakness(key.modulus, key.exponent)):
            wanted = "a key that nobody can compute"
            yield violation(rule, Concern.KEY, "publicKey", weak, wanted, is_forbidden=True)
        digest = sha256(key.subject_public_key_info)
        if digest.digest() in self.blocked:
            wanted = "a key that is not in blocked_keys"
            yield violation(rule, Concern.KEY, "publicKey", digest.hexdigest(), wanted, is_forbidden=True)

    def _wrong_kind(self, rule: str, key: PublicKey) -> Iterator[Violation]:
        kinds = [kind for kind in self.allowed if kind.allows(key)]
        if not kinds:
            shown = f"{key.algorithm} {key.curve or key.size}"
            yield violation(rule, Concern.KEY, "publicKey", shown, " or ".join(map(str, self.allowed)))
        elif not any(kind.allows_exponent_of(key) for kind in kinds):
            exponents = sorted({exponent for kind in kinds for exponent in kind.public_exponents or ()})
            yield violation(rule, Concern.KEY, "publicExponent", str(key.exponent), " or ".join(map(str, exponents)))
