"""Writes XML as WCF's writer does: no declaration, attributes in the order given, carriage returns as &#xD;.

An XML library would write equivalent documents, but not these bytes; the lab's answers are compared with captured ones.
"""

from collections.abc import Mapping
from typing import NewType

Markup = NewType("Markup", str)
"""Text that is XML already."""

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;", "\n": "&#xA;"})


def text(value: str | float) -> Markup:
    """Character data."""
    return Markup(str(value).translate(_TEXT))


def boolean(value: bool) -> Markup:
    """An xs:boolean as .NET writes it."""
    return Markup("true" if value else "false")


def element(name: str, *content: Markup, attributes: Mapping[str, str] | None = None) -> Markup:
    """An element; `attributes` by qualified name, namespace declarations among them."""
    tag = name + "".join(f' {key}="{value.translate(_ATTRIBUTE)}"' for key, value in (attributes or {}).items())
    return Markup(f"<{tag}>{''.join(content)}</{name}>" if content else f"<{tag}/>")


def nil(name: str) -> Markup:
    """A nillable element without a value; the prefix xsi must be in scope."""
    return element(name, attributes={"xsi:nil": "true"})
