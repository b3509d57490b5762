"""What the code can say of a row or a set: every text that reaches the `reason` of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tests.docs.pages import ROOT

PLACES = ("database/judging", "database/applying", "database/settling", "database/staging")
FILES = (
    "database/ledger/past/history.py",
    "database/ledger/past/run_history.py",
    "report/words.py",
)
_IN_SQL = re.compile(r"(?:THEN|ELSE|reason =) '([a-z][^'{]* [^'{]*)'")
_LOGS = ("info", "warning")
_NAMES = ("reason", "why_not")
_NAMES_IN_UNDO = (*_NAMES, "told", "held")
"""An undo hands them to its SQL."""


def reasons() -> dict[str, str]:
    """Each text with the module that has it; what is filled in stands as an ellipsis."""
    files = [file for place in PLACES for file in (ROOT / "seeder" / place).glob("*.py")]
    # A transaction's reasons are those of its retries.
    files = [file for file in files if file.name != "transaction.py"]
    files += [ROOT / "seeder" / name for name in FILES]
    return {
        text: str(file.relative_to(ROOT)) for file in sorted(files) for text in _Module(file).texts
    }


class _Module:
    """One module, in which names are followed to the texts that they stand for."""

    def __init__(self, file: Path) -> None:
        self.nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        self.names = _NAMES_IN_UNDO if file.name.startswith("undo") else _NAMES

    @property
    def texts(self) -> Iterator[str]:
        for node in self.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from (text.strip(" ;") for text in _IN_SQL.findall(node.value))
        for value in self._given(self.names):
            yield from self._texts(value, ())

    def _given(self, names: tuple[str, ...]) -> Iterator[ast.expr]:
        """What is handed over, or assigned, by one of these names."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and _called(node) not in _LOGS:
                yield from (each.value for each in node.keywords if each.arg in names)
                positions = self._positions.get(_called(node), {})
                yield from (
                    node.args[at]
                    for name, at in positions.items()
                    if name in names and at < len(node.args)
                )
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in names:
                        yield node.value
                    elif isinstance(target, ast.Subscript) and "decisions" in ast.unparse(target):
                        # A set's decision and its reason.
                        yield node.value
                    elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Call):
                        named = [each.id for each in target.elts if isinstance(each, ast.Name)]
                        yield from (node.value for each in named if each in names)

    @cached_property
    def _positions(self) -> dict[str, dict[str, int]]:
        return {
            each.name: {arg.arg: n for n, arg in enumerate(each.args.args)}
            for each in self.nodes
            if isinstance(each, ast.FunctionDef)
        }

    def _texts(self, value: ast.expr, seen: tuple[str, ...]) -> Iterator[str]:
        match value:
            case ast.Constant(value=str(text)) if text:
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(
                    str(each.value) if isinstance(each, ast.Constant) else self._filled(each)
                    for each in parts
                )
            case ast.IfExp(body=one, orelse=other):
                yield from self._texts(one, seen)
                yield from self._texts(other, seen)
            case ast.BoolOp(values=several):
                for each in several:
                    yield from self._texts(each, seen)
            case ast.Tuple(elts=several):
                for each in several:
                    yield from self._texts(each, seen)
            case ast.Name(id=name) if name not in seen:
                for each in self._given((name,)):
                    yield from self._texts(each, (*seen, name))
            case ast.Call() if _called(value) == "Literal":
                yield from self._texts(value.args[0], seen)
            case ast.Call() if _called(value) in self._positions and _called(value) not in seen:
                yield from self._returned(_called(value), seen)

    def _returned(self, function: str, seen: tuple[str, ...]) -> Iterator[str]:
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                for each in ast.walk(node):
                    if isinstance(each, ast.Return) and each.value is not None:
                        yield from self._texts(each.value, (*seen, function))

    def _filled(self, part: ast.expr) -> str:
        """A constant of the module in an f-string is its text; anything else an ellipsis."""
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
            name = part.value.id
            if name.lstrip("_").isupper():
                return next(self._texts(part.value, ()), "…")
        return "…"


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""
