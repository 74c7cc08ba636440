"""YAML that an administrator wrote, read strictly: for the configuration and for policy files.

Unknown keys, duplicate keys, anchors, tags and wrong types are mistakes; all of them are reported, each with its
place. LibYAML scans (nine times as fast as PyYAML, which counts with ten thousand policies), PyYAML composes the tree
(it knows the lines, and its recursion is bounded), pydantic judges it (it reports everything at once).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # it is there; the stubs do not say that it may be used
from yaml.resolver import Resolver


class Settings(BaseModel):
    """Base of everything that is read from YAML: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


M = TypeVar("M", bound=Settings)
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file."""

    file: str
    line: int
    """From 1; 0 where the file as a whole is meant."""
    path: str
    """Dotted keys, e.g. `listeners.0.port`; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class Mistaken(Exception):
    """A file, or several, that cannot be used: carries every mistake found."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file with the line of every key, so that later checks can point at what they object to."""

    file: str
    content: Any
    lines: Mapping[Path, int]

    def mistake(self, path: Path, message: str) -> Mistake:
        """A mistake at `path`, or at the nearest enclosing key that has a line."""
        path = self._written(path)
        known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.lines), ())
        return Mistake(self.file, self.lines.get(known, 0), ".".join(map(str, path)), message)

    def validate(self, model: type[M]) -> M:
        """The content as a value. Raises Mistaken with every mistake."""
        try:
            # Through JSON: there, pydantic's strict mode still takes a list for a tuple and text for a path or an enum.
            return model.model_validate_json(json.dumps(self.content))
        except ValidationError as error:
            mistakes = (self.mistake(self._real(e["loc"], e["type"]), _sentence(e)) for e in error.errors())
            raise Mistaken(tuple(mistakes)) from None

    def _written(self, path: Path) -> Path:
        """Without the index of a list of one whose only item stands there by itself."""
        written: Path = ()
        for step in path:
            if not isinstance(step, int) or (*written, 0) in self.lines or written not in self.lines:
                written = (*written, step)
        return written

    def _real(self, loc: Path, error_type: str) -> Path:
        """Pydantic's path without the steps that are not in the file (names of union members, `[key]`)."""
        real: Path = ()
        for step in loc:
            if (*real, step) in self.lines:
                real = (*real, step)
        return (*real, loc[-1]) if error_type == "missing" else real


def _sentence(error: Mapping[str, Any]) -> str:
    known = {"extra_forbidden": "unknown key", "missing": "missing"}.get(error["type"])
    return known or str(error["msg"]).removeprefix("Value error, ")


class _Loader(Composer, CParser, Resolver):
    """Not yaml.CSafeLoader: that one composes in C, where nothing bounds the recursion."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)


def parse(text: str, file: object) -> Document:
    """Read one YAML document; mistakes call it as `file` prints. Raises Mistaken."""
    name = str(file)
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise Mistaken((Mistake(name, line, "", f"not YAML: {error.problem}"),)) from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise Mistaken((Mistake(name, 0, "", f"not YAML: {error}"),)) from None
    except RecursionError:
        raise Mistaken((Mistake(name, 0, "", "nested too deeply"),)) from None
    if node is None:
        raise Mistaken((Mistake(name, 0, "", "the file is empty"),))
    lines: dict[Path, int] = {}
    mistakes: list[Mistake] = []
    seen: set[int] = set()
    content = _content(node, (), lines, seen, lambda path, at, text: mistakes.append(_at(name, path, at, text)))
    if mistakes:
        raise Mistaken(tuple(mistakes))
    return Document(name, content, lines)


_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null"))
"""What JSON has. `!!str 5` and the like are not told from the untagged, and mean the same."""


def _at(file: str, path: Path, node: yaml.Node, message: str) -> Mistake:
    return Mistake(file, node.start_mark.line + 1, ".".join(map(str, path)), message)


def _content(node: yaml.Node, path: Path, lines: dict[Path, int], seen: set[int], object_to: Any) -> Any:
    """Plain Python values of the safe schema, built without recursion through aliases."""
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in seen:
        object_to(path, node, "anchors and aliases are not allowed: write it out")
        return None
    seen.add(id(node))
    if node.tag not in _PLAIN_TAGS:
        object_to(path, node, "neither tags nor dates: if it is text, put it in quotes")
        return None
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, lines, seen, object_to))
    if isinstance(node, yaml.SequenceNode):
        return [_content(item, (*path, n), lines, seen, object_to) for n, item in enumerate(node.value)]
    try:
        return SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        object_to(path, node, f"cannot be read: {getattr(error, 'problem', error)}")
        return None


def _pairs(
    node: yaml.MappingNode, path: Path, lines: dict[Path, int], seen: set[int], object_to: Any
) -> Iterator[tuple[Any, Any]]:
    keys: set[str] = set()
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str) or key == "<<":
            object_to(path, key_node, "keys must be plain text")
            continue
        if key in keys:
            object_to((*path, key), key_node, "this key stands here twice")
        keys.add(key)
        lines[(*path, key)] = key_node.start_mark.line + 1
        yield key, _content(value_node, (*path, key), lines, seen, object_to)
