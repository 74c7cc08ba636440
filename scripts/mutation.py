"""Mutants of a module: its text with one thing changed.

Comparisons, connectives, conditions, constants, return values, calls and statements that can be left out. Texts for
people (in `raise` and f-strings, or with a blank in them), what `repr` shows, assertions, annotations, type variables
and decorators are left alone.
"""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

_NEIGHBOURS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_FUNCTIONS = {"any": "all", "all": "any", "min": "max", "max": "min"}
_LONGEST = 100
"""Characters that are shown of a change, before and after."""
_CAN_BE_LEFT_OUT = {"lower", "casefold", "upper", "strip"}
"""Methods of text."""


@dataclass(frozen=True, slots=True)
class Mutant:
    lines: range
    """Of the statement that is changed, without those in its blocks."""
    before: str
    """The part that is changed: of a constant, with as much around it as fits into a line."""
    after: str
    source: str

    @property
    def change(self) -> str:
        return f"{self.before}  ->  {self.after}"

    def __str__(self) -> str:
        return f"{self.lines.start}: {self.change}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its text."""
    tree = ast.parse(source)
    skipped = _skipped(tree)
    lines = _lines(tree)
    parents = {id(child): parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for changed in _changes(node):
            if ast.unparse(changed) != ast.unparse(node):
                shown = _shown(node, parents)
                before = ast.unparse(shown)
                mutated = _Replacing(node, changed).visit(tree)
                after = ast.unparse(changed if shown is node else shown)
                yield Mutant(lines[id(node)], _short(before), _short(after), ast.unparse(mutated))
                _Replacing(changed, node).visit(tree)


def _lines(tree: ast.Module) -> dict[int, range]:
    """By the identity of each node, where the innermost statement around it is, up to its first block."""
    found: dict[int, range] = {}
    for node in ast.walk(tree):
        # In this order a statement comes after those around it.
        if isinstance(node, ast.stmt):
            blocks = [inner.lineno for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt)]
            lines = range(node.lineno, max(node.lineno + 1, min([(node.end_lineno or node.lineno) + 1, *blocks])))
            found.update((id(inner), lines) for inner in ast.walk(node))
    return found


def _shown(node: ast.AST, parents: dict[int, ast.AST]) -> ast.AST:
    shown = node
    while isinstance(node, ast.Constant) and not hasattr(parent := parents[id(shown)], "body"):
        if len(ast.unparse(parent)) > _LONGEST:
            break
        shown = parent
    return shown


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    for changes in (_of_conditions, _of_values, _of_statements):
        yield from changes(node)


def _of_conditions(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=operators):
            for n, operator in enumerate(operators):
                yield _with(node, ops=[*operators[:n], _NEIGHBOURS[type(operator)](), *operators[n + 1 :]])
        case ast.BoolOp(op=op, values=values):
            yield _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            yield from (_without(node, values, n) for n in range(len(values)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.If() | ast.IfExp():
            yield _with(node, test=ast.Constant(value=False))
            yield _with(node, test=ast.Constant(value=True))
        case ast.While():
            yield _with(node, test=ast.Constant(value=False))
        case ast.comprehension(ifs=[_, *_]):
            yield _with(node, ifs=[])


def _of_values(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(op=operation) if type(operation) in _OPERATORS:
            yield _with(node, op=_OPERATORS[type(operation)]())
        case ast.Constant(value=bool() as value):
            yield ast.Constant(value=not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value=value + 1)
        case ast.Constant(value=str() as value):
            yield ast.Constant(value=value + "X")
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            yield _with(node, func=ast.Name(id=_FUNCTIONS[name], ctx=ast.Load()))
        case ast.Call(func=ast.Attribute(value=on, attr=name), args=[]) if name in _CAN_BE_LEFT_OUT:
            yield on


def _of_statements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Return(value=ast.Constant(value=None)):
            pass
        case ast.Return(value=ast.expr()):
            yield ast.Return(value=ast.Constant(value=None))
        case ast.Raise() | ast.Expr() | ast.AugAssign() | ast.Delete():
            yield ast.Pass()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = deepcopy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return ast.fix_missing_locations(changed)


def _without(node: ast.BoolOp, values: list[ast.expr], n: int) -> ast.AST:
    rest = [*values[:n], *values[n + 1 :]]
    return rest[0] if len(rest) == 1 else ast.BoolOp(op=node.op, values=rest)


class _Replacing(ast.NodeTransformer):
    def __init__(self, node: ast.AST, by: ast.AST) -> None:
        self._node, self._by = node, by

    def visit(self, node: ast.AST) -> ast.AST:
        return self._by if node is self._node else super().generic_visit(node)


def _skipped(tree: ast.AST) -> set[int]:
    """The nodes that are for people or for the type checker."""
    return {id(inner) for node in ast.walk(tree) for apart in _apart(node) for inner in ast.walk(apart)}


def _apart(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.FunctionDef(decorator_list=decorators, returns=returns):
            yield from decorators
            yield from [returns] if returns else []
        case ast.ClassDef(decorator_list=decorators):
            yield from decorators
        case ast.arg(annotation=ast.expr() as annotation) | ast.AnnAssign(annotation=annotation):
            yield annotation
        case ast.Raise(exc=ast.expr() as error):
            yield error
        case ast.keyword(arg="repr"):
            yield node
        case ast.Assert() | ast.Expr(value=ast.Constant()) | ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
            yield node
        case ast.Constant(value=str() as text) if " " in text:
            yield node
        case ast.JoinedStr(values=values):
            yield from (part for part in values if isinstance(part, ast.Constant))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
