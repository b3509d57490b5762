"""The JSON Schema of seeder.toml, for editors: the keys that the reader knows, and no others.

Of draft 4, since Taplo, the language server behind Even Better TOML, knows no later one.
"""

from __future__ import annotations

from seeder.catalog.authoring.json_schema import Schema
from seeder.catalog.project.project import (
    EXPAND_LIMIT,
    IDENTITY,
    MIGRATION_KEYS,
    SEEDS_KEYS,
    TOP_KEYS,
)

_TEXT: Schema = {"type": "string", "minLength": 1}
_TEXTS: Schema = {"type": "array", "items": _TEXT, "minItems": 1}
_WAYS = ("alembic", "command", "none")

_SEEDS: dict[str, Schema] = {
    "path": {
        **_TEXT,
        "default": "seeds",
        "description": "The directory with core/, dev/, update/.",
    },
    "expand_limit": {
        "type": "integer",
        "minimum": 1,
        "default": EXPAND_LIMIT,
        "description": "Rows that `expand` may make of one set.",
    },
}

_MIGRATIONS: dict[str, Schema] = {
    "alembic": {**_TEXT, "description": "An Alembic script directory, the one with env.py."},
    "command": {**_TEXTS, "description": "A command that migrates: its words, run in no shell."},
    "none": {"enum": [True], "description": "Somebody else migrates this database."},
    "env": {"enum": ["project"], "description": "Run the project's own env.py."},
    "config": {**_TEXT, "description": "Alembic's own file, for the project's env.py."},
    "section": {**_TEXT, "description": "Its section that holds."},
    "options": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "What `alembic -x` would be given.",
    },
    "import": {**_TEXTS, "description": "Modules that revisions need to have imported."},
    "flask": {**_TEXT, "description": "module:app, for an env.py of Flask-Migrate."},
    "digest": {
        **_TEXTS,
        "description": "Globs of the files that `command` reads: what they hold tells whether it"
        " has to run.",
    },
    "version_table": {
        **_TEXT,
        "default": "alembic_version",
        "description": "Where Alembic keeps its revision.",
    },
    "version_table_schema": {**_TEXT, "description": "The schema of that table."},
    "target": {**_TEXT, "default": "head", "description": "The revision to migrate to."},
}

_TOP: dict[str, Schema] = {
    "identity": {
        "type": "string",
        "pattern": f"^{IDENTITY}$",
        "description": "Which project this is; it stays as it is for good.",
    },
    "release": {
        "type": "string",
        "pattern": r"^\S(?:[\s\S]*\S)?$",
        "description": "Raising it asks for an update of databases that were seeded before.",
    },
    "supersedes": {
        "type": "array",
        "items": {"type": "string", "pattern": r"\S"},
        "description": "Releases that this one builds on, where their names do not tell.",
    },
    "migrations": {
        "type": "object",
        "properties": {key: _MIGRATIONS[key] for key in MIGRATION_KEYS},
        "additionalProperties": False,
        "oneOf": [{"required": [way]} for way in _WAYS],
        "dependencies": {
            key: ["command" if key == "digest" else "alembic"]
            for key in MIGRATION_KEYS
            if key not in _WAYS
        },
        "description": "How the schema is migrated; without it by migrations/, if that is there.",
    },
    "seeds": {
        "type": "object",
        "properties": {key: _SEEDS[key] for key in SEEDS_KEYS},
        "additionalProperties": False,
        "description": "Where the seed files are.",
    },
}


def project_schema() -> Schema:
    """The schema of seeder.toml."""
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "seeder: a project",
        "type": "object",
        "properties": {key: _TOP[key] for key in TOP_KEYS},
        "dependencies": {"supersedes": ["release"]},
        "additionalProperties": False,
    }
