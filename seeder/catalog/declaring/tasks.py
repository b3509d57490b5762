"""Tasks: one-off steps of a release, and the digest of what they mean."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from pathlib import Path

from seeder.catalog.formats.files import Located, Unreadable, read_text
from seeder.catalog.formats.problems import FileProblems
from seeder.catalog.formats.sql_text import tokens
from seeder.catalog.project.api import DeclaredTask
from seeder.catalog.project.python_files import SeederFile, call_task
from seeder.merge.model import Task, TaskKind

_SQL_NAME = re.compile(r"(?P<release>[^_]*[0-9][^_]*)_(?P<what>.+)\.sql\Z")


def sql_task(path: Path, report: FileProblems) -> Task | None:
    """The task of a file such as `2026.11_backfill.sql`."""
    match = _SQL_NAME.match(path.name)
    if match is None:
        remedy = "Name it RELEASE_what-it-does.sql, such as 2026.11_backfill.sql."
        report.bad(None, "the file name does not start with a release", remedy)
        return None
    try:
        # As in a checkout on Linux, within literals too.
        sql = read_text(path).replace("\r\n", "\n")
        found = tokens(sql)
    except Unreadable as error:
        report.unreadable(error)
        return None
    while found and found[-1] == ";":
        found.pop()
    if not found:
        report.bad(None, "holds no statement", "Write one, or remove the file.")
        return None
    return Task(
        name=path.stem,
        release=match.group("release"),
        kind=TaskKind.SQL,
        file=report.file,
        digest=_sha256("\0".join(found)),
        sql=sql,
    )


def python_task(declared: DeclaredTask, file: SeederFile) -> Task | None:
    """The task of a decorated function."""
    at = Located(line=declared.line)
    release: object = declared.release
    if not isinstance(release, str) or not release.strip():
        message = f"the release of task `{declared.name}` must be text"
        file.report.bad(at, message, 'Write @task(release="2026.11").')
        return None
    if declared.environments == ():
        message = f"`environments` of task `{declared.name}` is empty"
        file.report.bad(at, message, "Name one, or leave it out.")
        return None
    return Task(
        name=declared.name,
        release=declared.release,
        kind=TaskKind.PYTHON,
        file=file.report.file,
        digest=python_digest(file.source, declared),
        call=functools.partial(call_task, declared.function, file),
        environments=frozenset(declared.environments) if declared.environments else None,
    )


def python_digest(source: str, declared: DeclaredTask) -> str:
    """A hash of the function's arguments and body, the same in every version of Python.

    Of the function alone: what it calls elsewhere may change without notice. Comments,
    formatting, its docstring and its decorators do not count.
    """
    tree = ast.parse(source)
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    function_name = getattr(declared.function, "__name__", declared.name)
    for function in functions:
        if any(
            decorator.lineno <= declared.line <= (decorator.end_lineno or decorator.lineno)
            for decorator in function.decorator_list
        ):
            return _sha256(_meaning(function))
    named = [function for function in functions if function.name == function_name]
    return _sha256(_meaning(named[-1]) if named else _shape(tree))


def _meaning(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return _shape(function.args) + "".join(_shape(statement) for statement in body)


def _shape(node: object) -> str:
    """Like ast.dump, but without what differs by version: empty fields and f-string parts."""
    if isinstance(node, ast.JoinedStr):
        parts = [each for each in node.values if getattr(each, "value", None) != ""]
        return f"JoinedStr(values={_shape(parts)})"
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={_shape(value)}"
            for name, value in ast.iter_fields(node)
            if value not in (None, []) and name not in ("kind", "type_comment")
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(_shape(each) for each in node)}]"
    return repr(node)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
