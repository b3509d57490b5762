"""Python seeders and tasks: importing their files, and calling what they declare.

The code is the project's own, so anything may be raised here; it becomes a Problem with
the innermost line of that file.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from seeder.catalog.formats.files import Located, Unreadable, read_text
from seeder.catalog.formats.problems import FileProblems
from seeder.catalog.project.api import REGISTER, DeclaredRows, DeclaredTask, RowsContext
from seeder.catalog.project.project import Project
from seeder.merge.model import Text
from seeder.runtime.raised import innermost, told, told_at

# A seeder may call sys.exit or fail in any way; KeyboardInterrupt still ends the run.
_ANY = (Exception, SystemExit, GeneratorExit)


class SeederFile(Struct, frozen=True, kw_only=True):
    """A Python file of the seeds, imported."""

    path: Path
    report: FileProblems
    """Where what is wrong with it goes."""
    root: Path
    """Of the project."""
    source: str
    module: types.ModuleType
    rows: tuple[DeclaredRows, ...]
    tasks: tuple[DeclaredTask, ...]


def import_seeder(path: Path, project: Project, report: FileProblems) -> SeederFile | None:
    """Import one file and see what it declares; None when that failed."""
    source = _source(path, report)
    if source is None:
        return None
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    module = types.ModuleType(f"seeder_project_{digest}")
    module.__file__ = str(path)
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
        with importing(project.root, module):
            exec(code, module.__dict__)  # noqa: S102  # the project's own seeder
    except _ANY as error:
        raised = told_at(error, root=project.root, file=path)
        report.bad(_raised_at(error, path), f"importing it raised {raised}")
        return None
    declared = module.__dict__.get(REGISTER, ())
    return SeederFile(
        path=path,
        report=report,
        root=project.root,
        source=source,
        module=module,
        rows=tuple(each for each in declared if isinstance(each, DeclaredRows)),
        tasks=tuple(each for each in declared if isinstance(each, DeclaredTask)),
    )


def is_python(path: Path, report: FileProblems) -> bool:
    """Whether a file that is not imported in this environment is Python at all."""
    source = _source(path, report)
    if source is None:
        return False
    try:
        ast.parse(source, str(path))
    except (SyntaxError, ValueError, RecursionError) as error:
        report.bad(_raised_at(error, path), f"is not valid Python: {told(error)}")
        return False
    return True


def called(
    declared: DeclaredRows, context: RowsContext, *, file: SeederFile
) -> list[Mapping[str, object]] | None:
    """Call a `@rows` function; its rows, or None when it failed."""
    at = Located(line=declared.line)
    path, bad = file.path, file.report.bad
    found: list[Mapping[str, object]] = []
    try:
        with importing(file.root, file.module):
            produced = declared.function(context)
            if not isinstance(produced, Iterable) or isinstance(produced, str | Mapping):
                message = f"`{declared.name}` returned {type(produced).__name__}, not rows"
                bad(at, message, "Yield one mapping per row.")
                return None
            for row in produced:
                if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
                    bad(
                        at,
                        f"`{declared.name}` yielded {type(row).__name__}, not a mapping of "
                        "column names to values",
                        'Yield rows such as {"name": "Ada"}.',
                    )
                    return None
                found.append(row)
    except UndeclaredVariable as error:
        bad(
            _raised_at(error, path),
            f"`{declared.name}` reads the environment variable {error.args[0]} undeclared",
            f'Write env=["{error.args[0]}"] in its @rows.',
        )
        return None
    except _ANY as error:
        raised = told_at(error, root=file.root, file=path)
        bad(_raised_at(error, path) or at, f"`{declared.name}` raised {raised}")
        return None
    return found


def call_task(function: Callable[..., object], file: SeederFile, connection: object) -> object:
    """Call a task's function, which finds the project's modules now, too."""
    with importing(file.root, file.module):
        return function(connection)


class UndeclaredVariable(KeyError):
    """A seeder asked for a variable that its decorator does not declare."""


class DeclaredEnvironment(dict[str, Text]):
    """The declared environment variables, and no others."""

    def __missing__(self, name: str) -> Text:
        raise UndeclaredVariable(name)

    def get(self, name: str, _default: object = None) -> Text:
        """Like `[]`: what is declared is set, and a default would hide a typing error."""
        return self[name]


@contextmanager
def importing(root: Path, module: types.ModuleType) -> Iterator[None]:
    """Let the project's modules be imported, and leave no trace of them afterwards.

    Not in front of what is installed: a folder that is called as a library is would hide it.
    """
    path, before = list(sys.path), dict(sys.modules)
    writing = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    sys.path.append(str(root))
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = writing
        # Found first, deleted after: a namespace package asks for its parent by name.
        added = {name: each for name, each in sys.modules.items() if name not in before}
        left = [name for name, each in added.items() if each is module or _belongs(each, root)]
        for name in left:
            del sys.modules[name]


def _belongs(module: types.ModuleType, root: Path) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(place and Path(str(place)).is_relative_to(root) for place in places)


def _source(path: Path, report: FileProblems) -> str | None:
    try:
        return read_text(path)
    except Unreadable as error:
        report.unreadable(error)
        return None


def _raised_at(error: BaseException, path: Path) -> Located | None:
    """The innermost line of that file among the frames of an error."""
    found = innermost(error, path)
    if found is None:
        return None
    column = error.offset if isinstance(error, SyntaxError) else None
    return Located(line=found[1], column=column)
