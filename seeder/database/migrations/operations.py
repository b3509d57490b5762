"""Operations that other packages add to Alembic's `op`, for revisions that env.py does not run.

An env.py makes them known by importing the package: geoalchemy2, alembic_postgresql_enum,
alembic_utils and the like.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from alembic import op

from seeder.merge.model import Migrations

_USED = re.compile(r"\bop\.([a-z]\w*)\(")


def require(migrations: Migrations, revision: Path) -> None:
    """Import what adds operations that a revision uses: what `import` names, or else env.py.

    Of env.py's imports those count that are installed; the application's own stay where they are.
    """
    for name in migrations.imports:
        importlib.import_module(name)
    if migrations.alembic is None or set(_USED.findall(_text(revision))) <= set(dir(op)):
        return
    for name in _imports(migrations.alembic / "env.py"):
        if _is_installed(name.partition(".")[0]) and _exists(name):
            importlib.import_module(name)


def _imports(env: Path) -> Iterator[str]:
    try:
        tree = ast.parse(_text(env))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _is_installed(package: str) -> bool:
    if package in sys.stdlib_module_names or package in ("alembic", "sqlalchemy"):
        return False
    spec = find_spec(package)
    return spec is not None and "site-packages" in str(spec.origin)


def _exists(module: str) -> bool:
    """Whether it is a module; what `from` imports may be a name in one."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
