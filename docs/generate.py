"""Fill the generated parts of the pages below docs/ from the code.

A page marks such a part with a line `<!-- generated: NAME -->` before it and a line
`<!-- end -->` after it. `make docs` runs this; a test checks that nothing is out of date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from pathlib import Path

import click

from seeder import cli, errors, options, settings
from seeder.catalog import api, columns, declaration, project
from seeder.commands import plan as plan_command
from seeder.merge.model import Conflict, Removed, Update, When

DOCS = Path(__file__).parent

PART = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Write every page whose generated parts have changed."""
    for page, text in stale():
        page.write_text(text, encoding="utf-8")
        sys.stdout.write(f"written: {page.relative_to(DOCS.parent)}\n")
    return 0


def stale() -> Iterator[tuple[Path, str]]:
    """Pages that are out of date, each with the text it should have."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        wanted = PART.sub(_filled, text)
        if wanted != text:
            yield page, wanted


def _filled(match: re.Match[str]) -> str:
    return f"{match[1]}\n{PARTS[match[2]]().strip()}\n\n{match[3]}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


# -- commands ---------------------------------------------------------------------------

_VARIABLE = re.compile(r"\s*\[(SEEDER_\w+)\]\s*$")


def _commands() -> Mapping[str, click.Command]:
    context = click.Context(cli.seeder, info_name="seeder")
    found = {name: cli.seeder.get_command(context, name) for name in cli.COMMANDS}
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
    variable = _VARIABLE.search(help_text)
    if option.show_default:
        help_text += f" Default: {option.default}."
    metavar = option.make_metavar(context)
    if "|" in metavar:
        metavar = metavar.strip("[]")
    value = "" if option.is_flag else f" {metavar}"
    spelled = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    return (
        f"`{spelled}{value}`",
        f"`{variable[1]}`" if variable else "",
        _VARIABLE.sub("", help_text),
    )


# -- settings ---------------------------------------------------------------------------


def settings_table() -> str:
    """Every option that is also a variable."""
    helps: dict[str, str] = {}
    users: dict[str, list[str]] = {}
    for name, command in _commands().items():
        context = click.Context(command, info_name=name)
        for option in _options(command):
            if option.name in options.PARSERS and option.name is not None:
                helps.setdefault(option.name, _option_row(option, context)[2])
                users.setdefault(option.name, []).append(name)
    rows = []
    for name in options.PARSERS:
        default = _default(name)
        text = helps.get(name, "").removesuffix(f"; {default}.").rstrip(".")
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
    "project": "the starter",
    "log_format": "json",
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

_ADVICE: Mapping[int, str] = {
    10: "Read the problems: each names its file and line, or its variable, and what would be right."
    " `seeder check` finds those of the catalog before a deploy.",
    11: "Check user, password, grants and the server's certificate. The message names the"
    " privilege that is missing.",
    12: "Create the database, or correct its name in the URL.",
    13: "Use the direct URL of the database, or a pooler in session mode. Postgres 14 to 18 are"
    " supported.",
    14: "Mend the revision files; where there are two heads, merge them with `alembic merge`."
    " `seeder check` finds this before a deploy.",
    15: "Deploy an image that has the revision, or set the database to one that this image has.",
    16: "Mend the revision. Those before it stay applied, and the next run goes on from there.",
    17: "Drop what was left behind (the message names the invalid index), then run again.",
    18: "Read the message: it names the row and the constraint, or the set whose rows are gone.",
    19: "Plan again, look at it, and run that plan.",
    30: "Look whether the server runs, answers this host and is not a standby.",
    31: "Wait for the other job, or find out why it does not end: `seeder status` names the"
    " session that holds the lock.",
    32: "Run again; if it persists, look for a long transaction on the tables concerned.",
    33: "Run again: the server rolled back what was not committed.",
    34: "Run again; what was committed stays. A migration that takes longer needs a larger"
    " `--deadline`.",
}

_RANGES = (
    (range(10, 20), "permanent: a retry cannot help"),
    (range(30, 40), "transient: a retry may help"),
)


def exit_codes_table() -> str:
    """Every exit code, from the classes of errors.py."""
    rows = [
        ("0", "", "done, or nothing to do", ""),
        ("1", "", "a bug, in seeder or in the project's own Python", "Report it with the trace."),
        ("2", "", "the command line is wrong", "Read the message; `--help` lists the options."),
    ]
    by_code = {each.exit_code: each for each in _error_classes()}
    if set(by_code) != set(_ADVICE):
        raise AssertionError("every exit code of errors.py has its advice, and no other")
    told_plan = False
    for code, error in sorted(by_code.items()):
        if code > plan_command.CHANGES and not told_plan:
            rows += _plan_rows()
            told_plan = True
        summary = inspect.cleandoc(error.__doc__ or "").splitlines()[0].rstrip(".")
        rows.append((str(code), f"`{error.__name__}`", _lower(summary), _ADVICE[code]))
    rows += [
        ("130", "`Interrupted`", "stopped by SIGINT (Ctrl-C)", "Run again."),
        ("143", "`Interrupted`", "stopped by SIGTERM (the platform)", "Run again."),
    ]
    return table(("code", "error", "what happened", "what to do"), rows)


def _plan_rows() -> list[tuple[str, str, str, str]]:
    return [
        (str(plan_command.CHANGES), "", "`plan --exit-code`: changes are pending", "Look, deploy."),
        (
            str(plan_command.CONFLICTS),
            "",
            "`plan --exit-code`: there are conflicts to review",
            "[Settle them](../merge.md#conflicts).",
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


# -- seed files -------------------------------------------------------------------------

_KEYS: Mapping[str, tuple[str, str]] = {
    "table": ("`table` or `schema.table`", "The table. Required."),
    "key": (
        "column, or list of columns",
        "The natural key: tells the rows apart. Needs a unique index. Required.",
    ),
    "scope": (
        "column: value",
        "Constants that are written to every row and are part of its identity. Rows outside of"
        " the scope, such as a customer's own, are not seen at all. NULL is allowed here.",
    ),
    "when": ("{When}", "Whether ordinary deploys insert rows into a table that has rows."),
    "removed": (
        "`keep`, `delete` or `{{set: {{column: value}}}}`",
        "What an update does with a row that has left the file. Default `keep`.",
    ),
    "deleted": ("column", "A soft-delete column: non-null or true counts as gone."),
    "conflict": ("{Conflict}", "Which value wins when the live and the desired one both changed."),
    "environments": ("list of names", "The set exists only in these environments."),
    "defaults": ("column: value", "Values for columns that a row leaves out."),
    "columns": ("column: rule", "What needs saying about single columns; see below."),
    "moved": ("list of `{{from: KEY, to: KEY}}`", "Rows whose key has changed in the file."),
    "rows": ("list of rows", "The rows, each `{column: value}`. `rows: []` for none."),
    "rows_from": ("file name", "A CSV, JSON or YAML file with the rows, instead of `rows`."),
}

_COLUMN_KEYS: Mapping[str, tuple[str, str]] = {
    "ref": (
        "set, or `{{table: TABLE, key: COLUMN}}`",
        "Values are keys of rows of that set (a list where the key has several columns), or of a"
        " table that no set owns. The primary key of the row is stored.",
    ),
    "expand": (
        "`true`",
        "Names and globs, or a list of them: one row for each match. `!` in front takes away.",
    ),
    "update": ("{Update}", "How an update treats the column."),
    "secret": (
        "`true`",
        "The value is in no ledger, plan, report or log. Written on insert only, or with"
        " `update: always` in every update.",
    ),
    "was": ("column", "The former name of a column that a migration has renamed."),
}

_CHOICES: Mapping[str, tuple[type[StrEnum], Mapping[str, str]]] = {
    "When": (
        When,
        {
            "empty": "no, all or nothing",
            "missing": "rows that were never seeded here",
        },
    ),
    "Conflict": (Conflict, {"keep": "the live one, reported", "overwrite": "the desired one"}),
    "Update": (
        Update,
        {
            "merge": "[by the rules](../merge.md)",
            "always": "the desired value, every time",
            "never": "written on insert only",
        },
    ),
}

_MIGRATIONS: Mapping[str, tuple[str, str]] = {
    "alembic": (
        "directory",
        "An Alembic script directory, the one with `versions/`. seeder runs the revisions itself.",
    ),
    "command": (
        "list of texts",
        "A command that migrates, run in the project directory without a shell.",
    ),
    "none": ("`true`", "There are no migrations; something else looks after the schema."),
    "env": ('`"project"`', "With `alembic`: run the project's own `env.py`."),
    "digest": (
        "list of globs",
        "With `command`: the files on which its effect depends. Where they and all else are"
        " unchanged, a deploy ends after one look at the database.",
    ),
    "version_table": ("table", "With `alembic`; default `alembic_version`."),
    "version_table_schema": ("schema", "With `alembic`: where the version table is."),
    "target": ("text", "With `alembic`: `head` (default), `heads`, or a revision."),
}

_TOP: Mapping[str, str] = {
    "release": "Text. The first run on a database that never had this release is an update.",
    "migrations": "How migrations run; exactly one of `alembic`, `command` and `none`."
    " Without the table: `migrations/`, if it has a `versions` directory.",
    "seeds": "`path`: the directory of the seeds; default `seeds`.",
}


def seed_set_keys() -> str:
    """The keys of a seed set."""
    return _key_table(declaration.KEYS, _KEYS)


def column_keys() -> str:
    """What `columns:` may say about one column."""
    return _key_table(columns.COLUMN_KEYS, _COLUMN_KEYS)


def migration_keys() -> str:
    """The keys of [migrations]."""
    return _key_table(project._MIGRATIONS, _MIGRATIONS)


def project_keys() -> str:
    """The top of seeder.toml."""
    _all_told(project._TOP, _TOP)
    return table(("key", "what it says"), [(f"`{key}`", _TOP[key]) for key in project._TOP])


def _key_table(known: Sequence[str], told: Mapping[str, tuple[str, str]]) -> str:
    _all_told(known, told)
    spelled = {name: _choices(name) for name in _CHOICES}
    rows = [(f"`{key}`", told[key][0].format(**spelled), told[key][1]) for key in known]
    return table(("key", "value", "what it says"), rows)


def _all_told(known: Sequence[str], told: Mapping[str, object]) -> None:
    if set(known) != set(told):
        different = ", ".join(sorted(set(known) ^ set(told)))
        raise AssertionError(f"docs/generate.py and the code know different keys: {different}")


def _choices(name: str) -> str:
    kind, meanings = _CHOICES[name]
    _all_told([each.value for each in kind], meanings)
    default, *others = [f"`{each.value}` ({meanings[each.value]})" for each in kind]
    return "; ".join([f"{default[:-1]}; default)", *others])


_ARGUMENTS = {
    "env": "Names of environment variables that the function may read from `context.env`.",
    "name": "The name of the set or task; else the function's.",
    "release": "The release that the task belongs to.",
}


def python_arguments() -> str:
    """What the two decorators take."""
    rows = []
    for decorator in (api.rows, api.task):
        for argument in inspect.signature(decorator).parameters:
            if decorator is api.rows and argument in declaration.KEYS:
                continue
            text = _ARGUMENTS.get(argument, "As in a seed set.")
            rows.append((f"`@{decorator.__name__}`", f"`{argument}`", text))
    shared = [key for key in inspect.signature(api.rows).parameters if key in declaration.KEYS]
    listed = ", ".join(f"`{key}`" for key in shared)
    rows.insert(0, ("`@rows`", listed, "As in a seed set."))
    return table(("decorator", "argument", "what it is"), rows)


def removal_choices() -> str:
    """The three ways of `removed:`."""
    meanings = {
        "keep": "The row stays; seeder looks after it no longer.",
        "delete": "Deleted, if nobody has changed it and no other row refers to it; never CASCADE.",
        "set": "`{set: {is_active: false}}`: these columns are written, the row stays.",
    }
    _all_told([each.value for each in Removed], meanings)
    return table(("`removed:`", "what happens"), [(f"`{k}`", v) for k, v in meanings.items()])


PARTS: Mapping[str, Callable[[], str]] = {
    "commands-overview": commands_overview,
    "commands": commands_in_full,
    "settings": settings_table,
    "exit-codes": exit_codes_table,
    "exit-code-ranges": exit_code_ranges,
    "project-keys": project_keys,
    "migration-keys": migration_keys,
    "seed-set-keys": seed_set_keys,
    "column-keys": column_keys,
    "python-arguments": python_arguments,
    "removal-choices": removal_choices,
}
"""By the name that a page gives."""


if __name__ == "__main__":
    sys.exit(main())
