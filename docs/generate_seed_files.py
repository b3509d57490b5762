"""The generated parts about seed files and seeder.toml."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from generate_table import table

from seeder.catalog.declaring import columns, declaration
from seeder.catalog.project import api, project
from seeder.merge.model import Conflict, Removed, Update, When

_KEYS: Mapping[str, tuple[str, str]] = {
    "table": ("`table` or `schema.table`", "The table. Required."),
    "key": (
        "column, or list of columns",
        "The natural key: tells the rows apart. Needs a unique index. Required.",
    ),
    "nulls": (
        "`equal`; `distinct` (default)",
        "With `equal`, rows may have NULL in their key: see below.",
    ),
    "scope": (
        "column: value",
        "Constants that are written to every row and are part of its identity. Rows outside of"
        " the scope, such as a customer's own, are not seen at all. NULL is allowed here,"
        " and `!env` is not: the values stand in statements, which servers log.",
    ),
    "when": ("{When}", "Whether ordinary deploys insert rows into a table that has rows."),
    "removed": (
        "`keep`, `delete` or `{{set: {{column: value}}}}`",
        "What an update does with a row that has left the file. Default `keep`.",
    ),
    "deleted": ("column", "A soft-delete column: non-null or true counts as gone."),
    "conflict": ("{Conflict}", "Which value wins when the live and the desired one both changed."),
    "together": (
        "list of lists of columns",
        "Columns that only make sense together, such as `[[amount, currency]]`: each group is"
        " decided as one value.",
    ),
    "environments": ("list of names", "The set exists only in these environments."),
    "after": (
        "name of a revision",
        "The first rows go in right behind this revision, with what the ledger knows of them, in"
        " one transaction: later revisions find them. Not with a migration command or with"
        ' `env = "project"`.',
    ),
    "defaults": ("column: value", "Values for columns that a row leaves out."),
    "columns": ("column: rule", "What needs saying about single columns; see below."),
    "moved": ("list of `{{from: KEY, to: KEY}}`", "Rows whose key has changed in the file."),
    "was": (
        "`{{table, key, scope}}`, or a list of them",
        "The table, key or scope that the set had before: see"
        " [another name, another key](../merge.md#another-name-another-key).",
    ),
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
        "Names and globs, or a list of them: one row for each match. `!` in front takes away."
        " Several columns multiply, up to `expand_limit` rows.",
    ),
    "update": ("{Update}", "How an update treats the column."),
    "secret": (
        "`true`",
        "The value is in no ledger, plan, report or log. Written on insert only, or with"
        " `update: always` in every update.",
    ),
    "from": (
        "`module:function`",
        "A function of the application makes what is inserted of what a row gives. Implies"
        " `secret` and `update: never`.",
    ),
    "was": ("name or list", "The former name, or names, of a column that a migration renamed."),
    "merge": (
        "`map`, `set`, `list`; `atomic`",
        "How a document is merged inside, where both sides changed it:"
        " [inside documents](../merge.md#inside-documents).",
    ),
    "by": ("key, or list of keys", "With `merge: list`: what tells the elements apart."),
    "moved": (
        "list of `{{from: KEY, to: KEY}}`",
        "With `merge: list`: elements whose key has changed in the file.",
    ),
    "paths": (
        "path: `{{merge: set}}`",
        "Parts of the document that are merged in a way of their own.",
    ),
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
    "env": (
        '`"project"`',
        "With `alembic`: run the project's own `env.py`, as `alembic upgrade` or `flask db upgrade`"
        " would.",
    ),
    "config": (
        "file",
        "With `alembic`: Alembic's configuration; default: `alembic.ini` or `pyproject.toml` in the"
        " script directory, beside it or above it.",
    ),
    "section": ("text", "With `alembic`: its main section, as `alembic --name`."),
    "options": (
        "table of texts",
        "With `alembic`: what revisions and `env.py` find as `-x` arguments and in"
        " `config.attributes`.",
    ),
    "import": (
        "list of modules",
        "With `alembic`: modules that add operations to `op`; default: what `env.py` imports, where"
        " a revision needs it.",
    ),
    "flask": (
        "text",
        'With `env = "project"`: the application whose context `env.py` wants, as FLASK_APP names'
        " it; default: FLASK_APP, `wsgi.py` or `app.py`.",
    ),
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
    "identity": "A word that no other project has: the ledger keeps it, and another project's image"
    " is refused. `seeder init` writes one.",
    "release": "Text. The first run on a database that never had this release is an update.",
    "supersedes": "List of releases that this one builds on, where their names do not tell. An"
    " update that would take back what another release has brought is left pending. Of names made"
    " of numbers the higher one builds on the lower one: `2026.10` on `2026.9.1`, and not the"
    " other way round.",
    "migrations": "How migrations run; exactly one of `alembic`, `command` and `none`."
    " Without the table: `migrations/`, if it has a `versions` directory.",
    "seeds": "`path`: the directory of the seeds; default `seeds`."
    " `expand_limit`: how many rows `expand` may make of one set; default 1,000,000.",
}


def seed_set_keys() -> str:
    """The keys of a seed set."""
    return _key_table(declaration.KEYS, _KEYS)


def column_keys() -> str:
    """What `columns:` may say about one column."""
    return _key_table(columns.COLUMN_KEYS, _COLUMN_KEYS)


def migration_keys() -> str:
    """The keys of [migrations]."""
    return _key_table(project.MIGRATION_KEYS, _MIGRATIONS)


def project_keys() -> str:
    """The top of seeder.toml."""
    _all_told(project.TOP_KEYS, _TOP)
    return table(("key", "what it says"), [(f"`{key}`", _TOP[key]) for key in project.TOP_KEYS])


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


SEED_FILE_PARTS: Mapping[str, Callable[[], str]] = {
    "project-keys": project_keys,
    "migration-keys": migration_keys,
    "seed-set-keys": seed_set_keys,
    "column-keys": column_keys,
    "python-arguments": python_arguments,
    "removal-choices": removal_choices,
}
"""By the name that a page gives."""
