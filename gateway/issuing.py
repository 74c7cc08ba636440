"""Which certification authority a request goes to, where a gateway reaches several.

A client may know one address only, and a CA refuses a template that it does not issue. Which CAs do, the inside's CEP
says: cAReferences of a policy ([MS-XCEP] 3.1.4.1.3.2).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.enrollment import IssuingCA


@dataclass(frozen=True, slots=True)
class Affinity:
    """The IssuingCAs of `gateway.enrollment`: the service's own CA, unless another one issues what is asked for."""

    own_name: str
    cas: Mapping[str, IssuingCA]
    """By common name: the service's own, and those of services to which the same requesters could have come."""
    issuing: Callable[[str], frozenset[str]]
    """The common names of the CAs that issue this template, as far as the catalogue knows any."""

    def of_template(self, common_name: str) -> IssuingCA:
        """As IssuingCAs says. Where nothing is known of the template, the service's own CA may say so."""
        issuing = self.issuing(common_name)
        if issuing and self.own_name not in issuing:
            for name, ca in self.cas.items():
                if name in issuing:
                    return ca
        return self.own

    @property
    def own(self) -> IssuingCA:
        return self.cas[self.own_name]

    def __iter__(self) -> Iterator[IssuingCA]:
        return iter(self.cas.values())
