"""Fill the generated parts of the pages below docs/ from the code, and write one module of it.

A page marks such a part with a line `<!-- generated: NAME -->` before it and a line
`<!-- end -->` after it. `make docs` runs this; a test checks that nothing is out of date.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import click
from generate_seed_files import SEED_FILE_PARTS
from generate_table import table

from seeder import errors
from seeder.command_line import group
from seeder.command_line.flags import Setting
from seeder.commands import plan as plan_command
from seeder.configuration import options, settings

DOCS = Path(__file__).parent

PART = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Write every page whose generated parts have changed."""
    for page, text in stale():
        page.write_text(text, encoding="utf-8")
        sys.stdout.write(f"written: {page.relative_to(DOCS.parent)}\n")
    return 0


def stale() -> Iterator[tuple[Path, str]]:
    """Files that are out of date, each with the text it should have."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        wanted = PART.sub(_filled, text)
        if wanted != text:
            yield page, wanted


def _filled(match: re.Match[str]) -> str:
    return f"{match[1]}\n{PARTS[match[2]]().strip()}\n\n{match[3]}"


# -- commands ---------------------------------------------------------------------------


def _commands() -> Mapping[str, click.Command]:
    context = click.Context(group.seeder, info_name="seeder")
    found = {name: group.seeder.get_command(context, name) for name in group.COMMANDS}
    return {name: command for name, command in found.items() if command is not None}


def _options(command: click.Command) -> Iterator[click.Option]:
    return (each for each in command.params if isinstance(each, click.Option) and not each.hidden)


def commands_overview() -> str:
    """Every command in one line."""
    rows = [
        (f"[`seeder {name}`](#seeder-{name})", command.short_help or "")
        for name, command in _commands().items()
    ]
    return table(("command", "what it does"), rows)


def commands_in_full() -> str:
    """Every command with its help, arguments and options."""
    return "\n\n".join(_section(name, command) for name, command in _commands().items())


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"seeder {name}")
    usage = " ".join([f"seeder {name}", *command.collect_usage_pieces(context)])
    rows = [_option_row(each, context) for each in _options(command)]
    parts = [f"## seeder {name}", f"```text\n{usage}\n```", *_paragraphs(command.help or "")]
    if rows:
        parts.append(table(("option", "variable", "what it does"), rows))
    return "\n\n".join(parts)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b"):
            yield paragraph
            continue
        first, *rest = paragraph.removeprefix("\b").strip("\n").splitlines()
        if rest and all(line.startswith("  ") for line in rest):
            language = "sh" if any("seeder " in line for line in rest) else "text"
            yield f"{first}\n\n```{language}\n" + inspect.cleandoc("\n".join(rest)) + "\n```"
        else:
            yield "\n".join([first, *rest])


def _option_row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    help_text = " ".join((option.help or "").split())
    variable = option.variable if isinstance(option, Setting) else None
    default = option.default_told if isinstance(option, Setting) else None
    if option.show_default:
        default = str(option.default)
    if default is not None:
        help_text += f" Default: {default}."
    metavar = option.make_metavar(context)
    if "|" in metavar:
        metavar = metavar.strip("[]")
    value = "" if option.is_flag else f" {metavar}"
    spelled = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    return (
        f"`{spelled}{value}`",
        f"`{variable}`" if variable else "",
        help_text,
    )


# -- settings ---------------------------------------------------------------------------


def settings_table() -> str:
    """Every option that is also a variable."""
    helps: dict[str, str] = {}
    users: dict[str, list[str]] = {}
    for name, command in _commands().items():
        context = click.Context(command, info_name=name)
        for option in _options(command):
            _, variable, _ = _option_row(option, context)
            # The same flag may be one of a command's own, without a variable.
            if option.name in options.PARSERS and option.name is not None and variable:
                helps.setdefault(option.name, " ".join((option.help or "").split()))
                users.setdefault(option.name, []).append(name)
    rows = []
    for name in options.PARSERS:
        default = _default(name)
        text = helps.get(name, "").rstrip(".")
        rows.append(
            (
                f"`{options.variable(name)}`",
                f"`{options.flag(name)}`",
                f"`{default}`" if default else "",
                f"{text}." if text else "",
                _taken_by(users.get(name, [])),
            )
        )
    return table(("variable", "flag", "default", "what it is", "taken by"), rows)


_DEFAULTS = {
    "project": "the nearest",
    "log_format": "json",
    "log_level": "info",
}


def _default(name: str) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    (field,) = [each for each in fields(settings.Settings) if each.name == name]
    match field.default:
        case None | ():
            return ""
        case float() as seconds:
            return f"{seconds:g}"
        case other:
            return str(other)


def _taken_by(users: Sequence[str]) -> str:
    everyone = len(_commands())
    if len(users) == everyone:
        return "all"
    if len(users) > everyone / 2:
        others = [name for name in _commands() if name not in users]
        return f"all but {', '.join(others)}"
    return ", ".join(users)


# -- exit codes -------------------------------------------------------------------------

_RANGES = (
    (range(10, 20), "permanent: a retry cannot help"),
    (range(30, 40), "transient: a retry may help"),
)


def exit_codes_table() -> str:
    """Every exit code, from the classes of errors.py; each leads to its section of errors.md."""
    rows = [
        ("0", "", "done, or nothing to do"),
        ("1", _told("internal-error"), "a bug, in seeder or in the project's own Python"),
        ("2", _told("usage"), "the command line is wrong"),
    ]
    found = {each.exit_code: each for each in _error_classes()}
    summaries = {
        code: _lower(inspect.cleandoc(error.__doc__ or "").splitlines()[0].rstrip("."))
        for code, error in found.items()
    }
    by_code = {
        code: (str(code), _told(error("").code, error.__name__), summaries[code])
        for code, error in found.items()
    }
    by_code |= {int(row[0]): row for row in _plan_rows()}
    rows += [by_code[code] for code in sorted(by_code)]
    rows += [
        ("130", _told("interrupted", "Interrupted"), "stopped by SIGINT (Ctrl-C)"),
        ("143", _told("interrupted", "Interrupted"), "stopped by SIGTERM (the platform)"),
    ]
    return table(("code", "error", "what happened"), rows)


def _told(code: str, name: str | None = None) -> str:
    return f"[`{name or code}`](errors.md#{code})"


def _plan_rows() -> list[tuple[str, str, str]]:
    return [
        (str(plan_command.CHANGES), "", "`plan --exit-code`: changes are pending"),
        (
            str(plan_command.CONFLICTS),
            "",
            "`plan --exit-code`: there are conflicts to [settle](../merge.md#conflicts)",
        ),
    ]


def _error_classes() -> list[type[errors.SeederError]]:
    return [
        each
        for each in vars(errors).values()
        if inspect.isclass(each)
        and issubclass(each, errors.SeederError)
        and each is not errors.SeederError
    ]


def _lower(text: str) -> str:
    word = text.split()[0]
    return text if word.isupper() and len(word) > 1 else text[0].lower() + text[1:]


def exit_code_ranges() -> str:
    """The two ranges that platforms sort by."""
    rows = []
    for codes, meaning in _RANGES:
        used = sorted(each.exit_code for each in _error_classes() if each.exit_code in codes)
        rows.append((f"{used[0]}-{used[-1]}", meaning))
    return table(("codes", "meaning"), rows)


# -- architecture -----------------------------------------------------------------------


def layers() -> str:
    """The layers of import-linter's contract, each module with its first sentence."""
    return _layers("Imports run one way")


def _folders_of(subject: str, package: str) -> Callable[[], str]:
    """The same for a package whose parts have a contract of their own."""
    return lambda: _layers(f"The {subject} import one way", f"{package}.")


def _layers(contract: str, within: str = "") -> str:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (wanted,) = (each for each in contracts if each["name"] == contract)
    rows = []
    for layer in wanted["layers"]:
        for name in (within + each for each in layer.split(" | ")):
            path = Path(name.replace(".", "/"))
            package = (DOCS.parent / path).is_dir()
            # Read and not imported: the panel needs a package that `make run` does not install.
            source = DOCS.parent / (path / "__init__.py" if package else path.with_suffix(".py"))
            told = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
            first = told.partition("\n")[0].rstrip(".")
            rows.append((f"`{path}/`" if package else f"`{path}.py`", first))
    return table(("module", "subject"), rows)


# -- benchmarks -------------------------------------------------------------------------

RESULTS = DOCS.parent / "benchmarks" / "results"


def benchmark_results() -> str:
    """What `make bench` wrote last."""
    table = RESULTS / "results.md"
    if not table.exists():
        return "`make bench` has left no results here yet."
    text = table.read_text(encoding="utf-8")
    curves = RESULTS / "curves.svg"
    if curves.exists():
        text += "\n![Time over rows, one line for each system](../benchmarks/results/curves.svg)\n"
    return text


def comparison_results() -> str:
    """What `make compare` wrote last."""
    return (RESULTS / "comparison.md").read_text(encoding="utf-8")


PARTS: Mapping[str, Callable[[], str]] = {
    "commands-overview": commands_overview,
    "commands": commands_in_full,
    "settings": settings_table,
    "exit-codes": exit_codes_table,
    "exit-code-ranges": exit_code_ranges,
    "layers": layers,
    "database-layers": _folders_of("database's folders", "seeder.database"),
    "ledger-layers": _folders_of("ledger's folders", "seeder.database.ledger"),
    "catalog-layers": _folders_of("catalog's folders", "seeder.catalog"),
    "phases": _folders_of("phases", "seeder.phases"),
    "benchmark-results": benchmark_results,
    "comparison-results": comparison_results,
    **SEED_FILE_PARTS,
}
"""By the name that a page gives."""


if __name__ == "__main__":
    sys.exit(main())
