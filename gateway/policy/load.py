"""Policy files to policies: all of them, or every mistake in any of them.

No I/O: files come as pairs of name and text. What concerns several places is looked for in the text as it was parsed,
so that it is reported even where something else in the file is wrong as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from gateway.policy.decision import Policies, Policy, RequesterCondition
from gateway.policy.document import PolicyDocument
from gateway.policy.examples import ExampleSection
from gateway.policy.requesters import RequestersCondition
from gateway.strict_yaml import Document, Mistake, Mistaken, parse
from gateway.strict_yaml import Path as KeyPath


def load_policies(files: Iterable[tuple[str, str]], blocked_keys: AbstractSet[bytes] = frozenset()) -> Policies:
    """The policies of these files (name, text); no rule allows a key of `blocked_keys`.

    Raises Mistaken with all mistakes of all files.
    """
    files = tuple(files)
    policies: list[Policy] = []
    documents: list[Document] = []
    mistakes: list[Mistake] = []
    requesters: dict[RequesterCondition, RequesterCondition] = {}
    for file, text in files:
        try:
            document = parse(text, file)
            documents.append(document)
            policies.append(_sharing(_policy(document, text, blocked_keys), requesters))
        except Mistaken as error:
            mistakes.extend(error.mistakes)
    mistakes.extend(_repetitions(documents))
    if mistakes:
        order = [file for file, _ in files]
        raise Mistaken(tuple(sorted(mistakes, key=lambda mistake: (order.index(mistake.file), mistake.line))))
    return Policies(tuple(policies))


@dataclass(frozen=True, slots=True)
class PlacedExample:
    """An example, and where it stands."""

    policy: str
    file: str
    line: int
    """From 1."""
    section: ExampleSection


def load_examples(files: Iterable[tuple[str, str]]) -> tuple[PlacedExample, ...]:
    """The examples of these files, in their order. Raises Mistaken, for the first file with mistakes."""
    return tuple(example for file, text in files for example in _examples(parse(text, file)))


def _examples(document: Document) -> Iterator[PlacedExample]:
    for n, section in enumerate(document.validate(PolicyDocument).examples):
        line = document.mistake(("examples", n), "").line
        yield PlacedExample(_stem(document.file), document.file, line, section)


def _policy(document: Document, text: str, blocked_keys: AbstractSet[bytes]) -> Policy:
    form = document.validate(PolicyDocument)
    return Policy(
        name=_stem(document.file),
        template=form.template.template(),
        rules=tuple(rule.rule(blocked_keys) for rule in form.rules),
        digest=sha256(text.encode()).hexdigest(),
        issued=form.issued.rule() if form.issued else None,
        mode=form.mode,
        collectors=RequestersCondition(tuple(each.admitted() for each in form.collectors)) if form.collectors else None,
    )


def _sharing(policy: Policy, requesters: dict[RequesterCondition, RequesterCondition]) -> Policy:
    """The policy with conditions on requesters that other policies have too: 208 policies for five partners ask five
    times who somebody is, in a GetPolicies."""
    rules = (replace(rule, requesters=requesters.setdefault(rule.requesters, rule.requesters)) for rule in policy.rules)
    return replace(policy, rules=tuple(rules))


def _stem(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2].removesuffix(".yaml").removesuffix(".yml")


def _repetitions(documents: Sequence[Document]) -> Iterator[Mistake]:
    """What must be unique: each policy's name and template among all, each rule's name in its file.

    If two files spoke of one template, their order would decide which of them judges.
    """
    yield from _repeated("a policy of this name", [(document, (), _stem(document.file)) for document in documents])
    for key in ("name", "oid"):
        path: KeyPath = ("template", key)
        places = [(document, path, _value(document.content, path)) for document in documents]
        yield from _repeated(f"a policy for the template of this {key}", places)
    for document in documents:
        rules = _value(document.content, ("rules",))
        paths: list[KeyPath] = [("rules", n, "name") for n, _ in enumerate(rules if isinstance(rules, list) else ())]
        yield from _repeated(
            "a rule of this name", [(document, path, _value(document.content, path)) for path in paths]
        )


def _repeated(what: str, places: Sequence[tuple[Document, KeyPath, object]]) -> Iterator[Mistake]:
    """A mistake wherever a text stands that stood before, in any case."""
    first: dict[str, Mistake] = {}
    for document, path, text in places:
        if isinstance(text, str):
            here = document.mistake(path, "")
            before = first.setdefault(text.casefold(), here)
            if before is not here:
                yield document.mistake(path, f"there is {what} already: {before.file}:{before.line}")


def _value(content: Any, path: KeyPath) -> object:
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content
