"""A policy file of TameMyCerts (up to version 1.8) as it is written: XML to values.

As strict as TameMyCerts itself, which takes no unknown element, attribute or word (its version 1.7), and stricter: what
stands twice or has text where elements belong is a mistake too. Names are those of the XML, in snake_case.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar
from xml.parsers import expat

from gateway.errors import MalformedMessage
from gateway.pki.names import GeneralNameType
from gateway.policy.sections import is_object_identifier
from gateway.policy.vocabulary import SUBJECT_FIELDS
from gateway.protocol.xml import parse_document, quote
from gateway.strict_yaml import Mistake, Mistaken

T = TypeVar("T")

ROOT = "CertificateRequestPolicy"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
"""xs:boolean."""


@dataclass(frozen=True, slots=True)
class Pattern:
    expression: str
    treat_as: str
    denies: bool


@dataclass(frozen=True, slots=True)
class SubjectRule:
    field: str
    """In the spelling of the gateway's policy files. TameMyCerts compares it in any case."""
    mandatory: bool
    max_occurrences: int
    min_length: int
    max_length: int
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class DirectoryServicesMapping:
    action: str
    certificate_attribute: str
    directory_services_attribute: str
    object_category: str
    search_root: str
    allowed_security_groups: tuple[str, ...]
    disallowed_security_groups: tuple[str, ...]
    allowed_organizational_units: tuple[str, ...]
    disallowed_organizational_units: tuple[str, ...]
    permit_disabled_accounts: bool
    others: tuple[str, ...]
    """The names of the other elements."""


@dataclass(frozen=True, slots=True)
class CertificateRequestPolicy:
    audit_only: bool
    allowed_processes: tuple[str, ...]
    disallowed_processes: tuple[str, ...]
    allowed_crypto_providers: tuple[str, ...]
    disallowed_crypto_providers: tuple[str, ...]
    minimum_key_length: int
    maximum_key_length: int
    subject: tuple[SubjectRule, ...]
    subject_alternative_name: tuple[SubjectRule, ...]
    security_identifier_extension: str
    directory_services_mapping: DirectoryServicesMapping | None
    permit_empty_identities: bool
    others: tuple[str, ...]
    """The names of the other elements."""


_OTHERS = (
    "NotAfter",
    "CrlDistributionPoints",
    "AuthorityInformationAccess",
    "OnlineCertificateStatusProtocol",
    "OutboundSubject",
    "OutboundSubjectAlternativeName",
    "YubiKeyPolicies",
    "SupplementDnsNames",
    "SupplementUnqualifiedNames",
    "ReadSubjectFromRequest",
    "CustomCertificateExtensions",
)
_OTHERS_OF_MAPPING = (
    "CustomAttributes",
    "DirectoryObjectRules",
    "SupplementServicePrincipalNames",
    "AddSidUniformResourceIdentifier",
    "MaximumPasswordAge",
)
_SUBJECT_FIELDS = {name.casefold(): name for name in SUBJECT_FIELDS.values()}
_SAN_TYPES = {
    name.casefold(): name.value
    for name in (
        GeneralNameType.DNS_NAME,
        GeneralNameType.IP_ADDRESS,
        GeneralNameType.RFC822_NAME,
        GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER,
        GeneralNameType.USER_PRINCIPAL_NAME,
    )
}
_NOTHING = frozenset({"", "false", "0"})
"""What such an element holds when it asks for nothing."""


def parse_policy(xml: bytes, file: str) -> CertificateRequestPolicy:
    """Raises Mistaken with every mistake; they call the file as `file` says."""
    reader = _Reader(file)
    policy = reader.policy(_root(xml, file))
    if reader.mistakes:
        raise Mistaken(tuple(sorted(reader.mistakes, key=lambda mistake: mistake.line)))
    return policy


# --- elements ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Element:
    name: str
    line: int
    attributes: tuple[str, ...]
    children: "list[_Element]" = field(default_factory=list)
    text: str = ""


def _root(xml: bytes, file: str) -> _Element:
    try:
        parse_document(xml)
    except MalformedMessage as error:
        raise Mistaken((Mistake(file, 0, "", str(error)),)) from error
    return _elements(xml)


def _elements(xml: bytes) -> _Element:
    """Read once more for the lines and the names, which `parse_document` does not keep; it has seen to the rest."""
    document = _Element("", 0, ())
    unclosed = [document]
    parser = expat.ParserCreate("utf-8")

    def start(name: str, attributes: dict[str, str]) -> None:
        # Declarations of namespaces are no attributes.
        foreign = tuple(key for key in attributes if key.partition(":")[0] != "xmlns")
        element = _Element(name, parser.CurrentLineNumber, foreign)
        unclosed[-1].children.append(element)
        unclosed.append(element)

    def end(_name: str) -> None:
        unclosed.pop()

    def text(characters: str) -> None:
        unclosed[-1].text += characters

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.Parse(xml, True)
    return document.children[0]


# --- values -----------------------------------------------------------------------------------------------------------


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self.mistakes: list[Mistake] = []

    def policy(self, root: _Element) -> CertificateRequestPolicy:
        if root.name != ROOT:
            self.object_to(root, f"the root must be {ROOT}")
        read = _Fields(self, root)
        policy = CertificateRequestPolicy(
            audit_only=read.boolean("AuditOnly"),
            allowed_processes=read.strings("AllowedProcesses"),
            disallowed_processes=read.strings("DisallowedProcesses"),
            allowed_crypto_providers=read.strings("AllowedCryptoProviders"),
            disallowed_crypto_providers=read.strings("DisallowedCryptoProviders"),
            minimum_key_length=read.integer("MinimumKeyLength", 0),
            maximum_key_length=read.integer("MaximumKeyLength", 0),
            subject=read.items("Subject", "SubjectRule", self._rules(_subject_field)),
            subject_alternative_name=read.items("SubjectAlternativeName", "SubjectRule", self._rules(_SAN_TYPES.get)),
            security_identifier_extension=read.word(
                "SecurityIdentifierExtension", ("Deny", "Allow", "Add", "Remove"), "Deny"
            ),
            directory_services_mapping=next(map(self._mapping, read.all("DirectoryServicesMapping")), None),
            permit_empty_identities=read.boolean("PermitEmptyIdentities"),
            others=read.others(_OTHERS),
        )
        read.nothing_else()
        return policy

    def _rules(self, known: Callable[[str], str | None]) -> Callable[[_Element], SubjectRule]:
        """A reader of rules whose fields are all known, and different."""
        fields: set[str] = set()

        def read(element: _Element) -> SubjectRule:
            rule = self._subject_rule(element)
            name = known(rule.field.casefold())
            if name is None:
                self.object_to(element, f"there is no Field {quote(rule.field)}")
                return rule
            if name in fields:
                self.object_to(element, f"there is a rule for {name} already")
            fields.add(name)
            return replace(rule, field=name)

        return read

    def _subject_rule(self, element: _Element) -> SubjectRule:
        read = _Fields(self, element)
        rule = SubjectRule(
            field=read.text("Field", "").strip(),
            mandatory=read.boolean("Mandatory"),
            max_occurrences=read.integer("MaxOccurrences", 1),
            min_length=read.integer("MinLength", 1),
            max_length=read.integer("MaxLength", 128),
            patterns=read.items("Patterns", "Pattern", self._pattern),
        )
        read.nothing_else()
        return rule

    def _pattern(self, element: _Element) -> Pattern:
        read = _Fields(self, element)
        kinds = ("RegEx", "RegExIgnoreCase", "Cidr", "ExactMatch", "ExactMatchIgnoreCase")
        pattern = Pattern(
            expression=read.text("Expression", ""),
            treat_as=read.word("TreatAs", kinds, "RegEx"),
            denies=read.word("Action", ("Allow", "Deny"), "Allow") == "Deny",
        )
        read.nothing_else()
        if not pattern.expression:
            self.object_to(element, "has no Expression")
        return pattern

    def _mapping(self, element: _Element) -> DirectoryServicesMapping:
        read = _Fields(self, element)
        mapping = DirectoryServicesMapping(
            action=read.word("Action", ("Allow", "Deny", "Continue"), "Allow"),
            certificate_attribute=read.text("CertificateAttribute", "userPrincipalName"),
            directory_services_attribute=read.text("DirectoryServicesAttribute", "userPrincipalName"),
            object_category=read.text("ObjectCategory", "user"),
            search_root=read.text("SearchRoot", ""),
            allowed_security_groups=read.strings("AllowedSecurityGroups"),
            disallowed_security_groups=read.strings("DisallowedSecurityGroups"),
            allowed_organizational_units=read.strings("AllowedOrganizationalUnits"),
            disallowed_organizational_units=read.strings("DisallowedOrganizationalUnits"),
            permit_disabled_accounts=read.boolean("PermitDisabledAccounts"),
            others=read.others(_OTHERS_OF_MAPPING),
        )
        read.nothing_else()
        return mapping

    def object_to(self, element: _Element, message: str) -> None:
        self.mistakes.append(Mistake(self._file, element.line, element.name, message))


class _Fields:
    """The children of one element, each asked for by its name."""

    def __init__(self, reader: _Reader, element: _Element) -> None:
        self._reader = reader
        self._element = element
        self._known: set[str] = set()
        self._no_attributes(element)
        self._no_text(element)

    def all(self, name: str) -> list[_Element]:
        """At most one, else a mistake."""
        self._known.add(name)
        found = [child for child in self._element.children if child.name == name]
        for child in found[1:]:
            self._reader.object_to(child, "stands here twice")
        return found

    def text(self, name: str, default: str) -> str:
        return next(map(self._content, self.all(name)), default)

    def boolean(self, name: str) -> bool:
        return self._converted(name, False, _BOOLEANS.__getitem__, "must be true or false")

    def integer(self, name: str, default: int) -> int:
        return self._converted(name, default, _whole_number, "must be a number that is not negative")

    def word(self, name: str, words: tuple[str, ...], default: str) -> str:
        return self._converted(
            name, default, {word: word for word in words}.__getitem__, f"must be {' or '.join(words)}"
        )

    def strings(self, name: str) -> tuple[str, ...]:
        return self.items(name, "string", self._content)

    def items(self, name: str, item: str, read: Callable[[_Element], T]) -> tuple[T, ...]:
        return tuple(self._items(name, item, read))

    def others(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the elements that ask for something. What is in them is not looked at."""
        present = [child for name in names for child in self.all(name)]
        return tuple(child.name for child in present if child.children or child.text.strip() not in _NOTHING)

    def nothing_else(self) -> None:
        for child in self._element.children:
            if child.name not in self._known:
                self._reader.object_to(child, f"{self._element.name} of TameMyCerts has no such element")

    def _items(self, name: str, item: str, read: Callable[[_Element], T]) -> Iterator[T]:
        for parent in self.all(name):
            self._no_attributes(parent)
            self._no_text(parent)
            for child in parent.children:
                if child.name == item:
                    yield read(child)
                else:
                    self._reader.object_to(child, f"{name} holds {item} elements only")

    def _converted(self, name: str, default: T, convert: Callable[[str], T], wanted: str) -> T:
        for child in self.all(name):
            try:
                return convert(self._content(child).strip())
            except (KeyError, ValueError):
                self._reader.object_to(child, wanted)
        return default

    def _content(self, element: _Element) -> str:
        self._no_attributes(element)
        for child in element.children:
            self._reader.object_to(child, "stands where text belongs")
        return element.text

    def _no_attributes(self, element: _Element) -> None:
        for name in element.attributes:
            self._reader.object_to(element, f"TameMyCerts knows no attribute {name}")

    def _no_text(self, element: _Element) -> None:
        if element.text.strip():
            self._reader.object_to(element, "has text where elements belong")


def _subject_field(name: str) -> str | None:
    oid = name.removeprefix("oid.")
    if oid == name or not is_object_identifier(oid):
        return _SUBJECT_FIELDS.get(name)
    return SUBJECT_FIELDS.get(oid, f"OID.{oid}")


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(text)
    return int(text)
