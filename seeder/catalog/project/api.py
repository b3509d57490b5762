"""The decorators of Python seeders and tasks; `from seeder import rows, task`.

They write down what was decorated in the decorating module itself, where the loader of
that file finds it. Nothing is called or checked before then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct, field

REGISTER = "__seeder_declared__"

Function = TypeVar("Function", bound=Callable[..., object])


class RowsContext(Struct, frozen=True, kw_only=True):
    """What a `@rows` function is given."""

    env: Mapping[str, str]
    """The environment variables that the decorator declares, and no others."""
    environment: str
    release: str | None


class DeclaredRows(Struct, frozen=True, kw_only=True):
    """A function under `@rows`."""

    name: str
    function: Callable[..., object]
    line: int
    env: tuple[str, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    """The keys of a seed file, as they were passed."""


class DeclaredTask(Struct, frozen=True, kw_only=True):
    """A function under `@task`."""

    name: str
    function: Callable[..., object]
    line: int
    release: str
    environments: tuple[str, ...] | None


def rows(
    *,
    table: str,
    key: str | Sequence[str],
    env: Iterable[str] = (),
    environments: Iterable[str] | None = None,
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    nulls: str | None = None,
    scope: Mapping[str, Any] | None = None,
    when: str | None = None,
    removed: str | Mapping[str, Any] | None = None,
    deleted: str | None = None,
    conflict: str | None = None,
    together: Sequence[Sequence[str]] | None = None,
    after: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    moved: Sequence[Mapping[str, Any]] | None = None,
    was: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    name: str | None = None,
) -> Callable[[Function], Function]:
    """Declare a seed set whose rows the decorated generator yields as mappings.

    The function is called with a `RowsContext` whenever the catalog is read, so it must
    yield the same rows each time. The arguments mean what they mean in a seed file; the
    set is named after the function unless `name` is given.
    """
    given = {each: value for each, value in locals().items() if value is not None}
    caller = sys._getframe(1)
    line = caller.f_lineno

    def declare(function: Function) -> Function:
        declared = DeclaredRows(
            name=name or function.__name__,
            function=function,
            line=line,
            env=(env,) if isinstance(env, str) else tuple(env),
            settings={key: value for key, value in given.items() if key not in ("env", "name")},
        )
        caller_globals.setdefault(REGISTER, []).append(declared)
        return function

    caller_globals = caller.f_globals
    return declare


def task(
    *,
    release: str,
    name: str | None = None,
    environments: Iterable[str] | None = None,
) -> Callable[[Function], Function]:
    """Declare a one-off step of a release, called once per database in update mode.

    The function is called with a SQLAlchemy connection inside the seeding transaction;
    it must not commit. The task is named after the function unless `name` is given.
    """
    caller = sys._getframe(1)
    line = caller.f_lineno
    caller_globals = caller.f_globals
    if isinstance(environments, str):
        environments = (environments,)

    def declare(function: Function) -> Function:
        declared = DeclaredTask(
            name=name or function.__name__,
            function=function,
            line=line,
            release=release,
            environments=None if environments is None else tuple(environments),
        )
        caller_globals.setdefault(REGISTER, []).append(declared)
        return function

    return declare
