"""The section about the key as it is written, and its translation into the values that judge."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.pki.keys import MAX_RSA_EXPONENT_BITS
from gateway.policy.key_condition import KeyRule
from gateway.policy.sections import Given, Section, Some


def _odd(exponent: int) -> int:
    if exponent % 2 == 0:
        raise ValueError("an RSA exponent is odd")
    return exponent


PublicExponent = Annotated[int, Field(ge=3, lt=1 << MAX_RSA_EXPONENT_BITS), AfterValidator(_odd)]


class RSAKeySection(Section):
    algorithm: Literal["RSA"]
    # Shorter keys may be broken within the life of a certificate (NIST SP 800-131A disallows them since 2014).
    minimum_key_length: Annotated[int, Field(ge=2048)]
    maximum_key_length: Given[int] = None
    # FIPS 186-5 5.1 wants more than 2**16, which all makers of keys understand as this one.
    public_exponent: Some[PublicExponent] = (65537,)

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if self.maximum_key_length is not None and self.maximum_key_length < self.minimum_key_length:
            raise ValueError("maximumKeyLength is less than minimumKeyLength")
        return self

    def key_rule(self) -> KeyRule:
        return KeyRule(
            self.algorithm,
            self.minimum_key_length,
            self.maximum_key_length,
            public_exponents=self.public_exponent,
        )


Curve = Literal["secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"]


class ECKeySection(Section):
    algorithm: Literal["EC"]
    curves: Some[Curve]

    def key_rule(self) -> KeyRule:
        return KeyRule(self.algorithm, curves=self.curves)


class EdwardsKeySection(Section):
    algorithm: Literal["Ed25519", "Ed448"]

    def key_rule(self) -> KeyRule:
        return KeyRule(self.algorithm)


KeySection = Annotated[RSAKeySection | ECKeySection | EdwardsKeySection, Field(discriminator="algorithm")]
