"""Untrusted bytes to an element tree, and the few words for reading and writing one.

Expat reads, lxml holds the tree. Were libxml2 to read, every name and every namespace that a client invents would stay
in lxml's dictionary for the life of the process (measured: half a megabyte in, half a megabyte lost). So the tree is
built from the names in `gateway.protocol.namespaces` alone.
"""

import re
from collections.abc import Mapping
from xml.parsers import expat

from lxml import etree

from gateway.errors import MalformedMessage
from gateway.protocol.namespaces import ATTRIBUTES, ELEMENTS, SOAP, UNKNOWN, XSI

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""A GetPoliciesResponse takes about 3 KB per certificate template: room for some 700. A request takes some 10 KB."""
MAX_ELEMENTS = 40_000
"""The same 700 templates, with 55 elements each. Bounds what a message of nothing but tags can cost."""
MAX_DEPTH = 64
"""The deepest legal message, a GetPoliciesResponse with RA policies, has 10 levels."""

WHITE_SPACE = " \t\r\n"
"""XML 1.0, 2.3. `str.strip()` would take more, e.g. U+00A0."""

NIL = f"{{{XSI}}}nil"
_QNAME = f"{{{SOAP}}}Value"
"""The one element whose text is a QName (SOAP 1.2 part 1, 5.4.6)."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, 2.2: what no document can carry."""

_QUOTED = 80
"""Characters of a message that an error may quote."""


def parse_document(message: bytes) -> etree._Element:
    """The root of a well-formed UTF-8 document without DTD and processing instructions (SOAP 1.2 part 1, 5).

    Comments vanish, and the text around one is a single text: whoever reads only up to a comment takes
    `admin<!---->.evil` for `admin` (CVE-2017-11427 and its kin). Names outside of the vocabulary become UNKNOWN, and
    such attributes are dropped. An xs:QName is expanded to `{namespace}local`, with an empty namespace where its
    prefix is not declared. Raises MalformedMessage, whose text quotes nothing that stands in an element.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise MalformedMessage(f"the message has {len(message)} bytes, more than {MAX_MESSAGE_BYTES}")
    if b"\0" in message:
        raise MalformedMessage("the message has NUL bytes, as in UTF-16: it must be UTF-8")
    # Looked for beforehand: Expat's callback could not keep Expat from reading the entities that follow. In UTF-8
    # there is no other way to spell it.
    if b"<!DOCTYPE" in message:
        raise MalformedMessage("the message has a DOCTYPE: SOAP forbids document type declarations")
    try:
        return _Reader().read(message)
    except expat.ExpatError as error:
        # Expat's texts are fixed: they quote nothing of what might be a password.
        raise MalformedMessage(f"the message is not well-formed XML: {error}") from error


class _Reader:
    """Expat's callbacks for one document."""

    _root: etree._Element
    """The element that was closed last."""

    def __init__(self) -> None:
        self._open: list[etree._Element] = []
        self._elements = 0
        self._text: list[str] = []
        self._namespaces: dict[str | None, list[str]] = {}

    def read(self, message: bytes) -> etree._Element:
        parser = expat.ParserCreate("utf-8", "}")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.ProcessingInstructionHandler = self._processing_instruction
        parser.StartNamespaceDeclHandler = self._start_namespace
        parser.EndNamespaceDeclHandler = self._end_namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.Parse(message, True)
        return self._root

    def _declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        if version != "1.0" or (encoding or "utf-8").lower() != "utf-8":
            raise MalformedMessage(
                f"the message declares XML {quote(version)} in {quote(encoding or '')}: it must be XML 1.0 in UTF-8"
            )

    def _processing_instruction(self, _target: str, _content: str) -> None:
        raise MalformedMessage("the message has a processing instruction: SOAP forbids them")

    def _start_namespace(self, prefix: str | None, namespace: str | None) -> None:
        self._namespaces.setdefault(prefix, []).append(namespace or "")

    def _end_namespace(self, prefix: str | None) -> None:
        self._namespaces[prefix].pop()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise MalformedMessage(f"the message has more than {MAX_ELEMENTS} elements")
        if len(self._open) == MAX_DEPTH:
            raise MalformedMessage(f"the message is nested deeper than {MAX_DEPTH} elements")
        known = {ATTRIBUTES[key]: value for key, value in attributes.items() if key in ATTRIBUTES}
        tag = ELEMENTS.get(name)
        if tag is None:
            tag = UNKNOWN
            known["name"] = name
        self._open.append(etree.SubElement(self._open[-1], tag, known) if self._open else etree.Element(tag, known))
        self._text.clear()

    def _end(self, _name: str) -> None:
        element = self._root = self._open.pop()
        # No element of these protocols has text beside elements.
        if not len(element):
            content = "".join(self._text)
            element.text = self._expanded(content) if element.tag == _QNAME else content

    def _expanded(self, qname: str) -> str:
        prefix, _, local = qname.strip(WHITE_SPACE).rpartition(":")
        namespaces = self._namespaces.get(prefix or None)
        return f"{{{namespaces[-1] if namespaces else ''}}}{local}"


# --- reading --------------------------------------------------------------------------------------------------------


def optional(parent: etree._Element, tag: str) -> etree._Element | None:
    """The child of that name, if there is one. Raises MalformedMessage for two."""
    found = list(parent.iterchildren(tag))
    if len(found) > 1:
        raise MalformedMessage(f"{name_of(parent)} holds {len(found)} {_local(tag)} elements: one is the most")
    return found[0] if found else None


def required(parent: etree._Element, tag: str) -> etree._Element:
    """The child of that name. Raises MalformedMessage for none or two."""
    element = optional(parent, tag)
    if element is None:
        raise MalformedMessage(f"{name_of(parent)} holds no {_local(tag)}")
    return element


def text(element: etree._Element) -> str:
    """All of the element's text, as it came. Raises MalformedMessage if there are elements in it."""
    if len(element):
        raise MalformedMessage(f"{name_of(element)} holds an element where only text belongs")
    return element.text or ""


def trimmed(element: etree._Element) -> str:
    """The text without the white space around it, which the samples of the standards have around URIs."""
    return text(element).strip(WHITE_SPACE)


def is_nil(element: etree._Element) -> bool:
    """Whether the element says xsi:nil (XML Schema part 1, 2.6.2)."""
    return element.get(NIL, "").strip(WHITE_SPACE) in {"true", "1"}


def name_of(element: etree._Element) -> str:
    """What to call the element in an error's text."""
    if element.tag != UNKNOWN:
        return _local(element.tag)
    namespace, _, local = element.get("name", "").rpartition("}")
    return f"{quote(local)} of namespace {quote(namespace)}" if namespace else quote(local)


def quote(content: str) -> str:
    """For errors: in quotes, control characters escaped; of long content both ends, since URIs differ in the last."""
    if len(content) <= _QUOTED:
        return repr(content)
    return f"{content[: _QUOTED // 2]!r}...{content[-_QUOTED // 2 :]!r}"


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


# --- writing --------------------------------------------------------------------------------------------------------


NamespaceMap = Mapping[str | None, str]
"""Namespaces to declare, by prefix; None stands for the default namespace."""


def new(tag: str, nsmap: NamespaceMap) -> etree._Element:
    """A new root."""
    return etree.Element(tag, nsmap=nsmap)  # type: ignore[arg-type]  # lxml-stubs lacks the prefix None


def add(
    parent: etree._Element,
    tag: str,
    content: str | None = None,
    attributes: Mapping[str, str] | None = None,
    nsmap: NamespaceMap | None = None,
) -> etree._Element:
    """A new last child. What XML cannot carry of content and attributes is replaced."""
    element = etree.SubElement(parent, tag, nsmap=nsmap)  # type: ignore[arg-type]  # as in `new`
    for name, value in (attributes or {}).items():
        element.set(name, printable(value))
    if content is not None:
        element.text = printable(content)
    return element


def printable(content: str) -> str:
    """With U+FFFD for each character that XML 1.0 cannot carry, so that rendering never fails."""
    return _UNPRINTABLE.sub("\ufffd", content)


def to_bytes(root: etree._Element) -> bytes:
    """UTF-8, without XML declaration, as WCF sends it."""
    return etree.tostring(root, encoding="utf-8")
