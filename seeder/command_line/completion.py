"""What a shell offers for a word that is being typed; see docs/completion.md.

Offers are made at every press of a key, so they import little and ask no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import click

from seeder.command_line.invocation import Invocation

if TYPE_CHECKING:
    # Every command comes by here, and hardly any of them completes a word.
    from click.shell_completion import CompletionItem

Completer: TypeAlias = "Callable[[click.Context, click.Parameter, str], list[CompletionItem]]"


def answer(group: click.Command, invocation: Invocation, instruction: str) -> int:
    """Print the shell's function or the offers that it asks for; returns the exit code.

    The instruction is `bash_source`, `zsh_complete`...
    """
    from click.shell_completion import shell_complete

    return shell_complete(group, {"obj": invocation}, "seeder", "_SEEDER_COMPLETE", instruction)


_MODES = {
    "auto": "what this database needs: init or update",
    "init": "fill empty tables",
    "update": "merge what the catalog has changed",
    "refresh": "every row as in the catalog; disposable databases only",
    "none": "migrations only",
}


def one_of(values: Iterable[str], *, about: Mapping[str, str] | None = None) -> Completer:
    """Offer what the values of an option are, and what they mean."""
    return lambda _context, _parameter, incomplete: [
        _offer(each, about=(about or {}).get(each))
        for each in values
        if each.startswith(incomplete)
    ]


modes = one_of(_MODES, about=_MODES)


def by_shell(kind: Literal["file", "dir"]) -> Completer:
    """Leave it to the shell, which knows its files and directories."""
    return lambda _context, _parameter, incomplete: [_offer(incomplete, kind=kind)]


def sets(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the sets of the project by the names of its files, which are not read."""
    from seeder.catalog.declaring.declaration import set_name
    from seeder.catalog.project.project import read_project
    from seeder.errors import SeederError

    invocation = context.find_object(Invocation)
    if invocation is None:
        return []
    try:
        project = read_project(invocation.project_named(context.params.get("project")))
        found = [*project.seeds.rglob("*.y*ml"), *project.seeds.rglob("*.json")]
    except (SeederError, LookupError, ValueError, OSError):
        return []  # a project that is not in order offers nothing
    names = sorted({set_name(file.stem) for file in found})
    return [_offer(name) for name in names if name.startswith(incomplete)]


def _offer(value: str, *, kind: str = "plain", about: str | None = None) -> CompletionItem:
    from click.shell_completion import CompletionItem

    return CompletionItem(value, type=kind, help=about)
