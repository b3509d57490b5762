"""The JSON Schema (2020-12) of a seed file, for editors.

Keys and choices come from where the catalog itself checks them. What a schema cannot say
(references that exist, keys that are unique) is left to `seeder check`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

from seeder.catalog.declaring.columns import COLUMN_KEYS
from seeder.catalog.declaring.declaration import KEYS
from seeder.merge.model import Conflict, Nulls, Removed, Update, Way, When

Schema: TypeAlias = dict[str, Any]

_NAME: Schema = {"type": "string", "minLength": 1}
_VALUE: Schema = {
    "description": "A value of the column; !env NAME and !file PATH bring it in, !now and !uuid"
    " make it."
}


def _choice(kind: type[StrEnum], description: str, *, default: StrEnum) -> Schema:
    return {
        "enum": [each.value for each in kind],
        "default": default.value,
        "description": description,
    }


def _one_or_more(description: str) -> Schema:
    return {
        "description": description,
        "oneOf": [
            _NAME,
            {"type": "array", "items": _NAME, "minItems": 1, "uniqueItems": True},
        ],
    }


def _moves(description: str) -> Schema:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"from": True, "to": True},
            "required": ["from", "to"],
            "additionalProperties": False,
        },
        "description": description,
    }


def _values(description: str, **more: Any) -> Schema:
    return {
        "type": "object",
        "propertyNames": _NAME,
        "additionalProperties": _VALUE,
        "description": description,
        **more,
    }


_TABLE: Schema = {
    "type": "string",
    "pattern": r"^[^.\s](?:[^.]*[^.\s])?(?:\.[^.\s](?:[^.]*[^.\s])?)?$",
    "description": "The table: `table` or `schema.table`.",
}

_OF_A_LIST: dict[str, Schema] = {
    "by": _one_or_more("Of a list: the keys that tell its elements apart."),
    "moved": _moves("Of a list: elements whose key changed."),
}

_COLUMN: dict[str, Schema] = {
    "ref": {
        "description": "Values are keys of rows in another set, or in a table no set owns.",
        "oneOf": [
            _NAME,
            {
                "type": "object",
                "properties": {"table": _TABLE, "key": _NAME},
                "required": ["table", "key"],
                "additionalProperties": False,
            },
        ],
    },
    "expand": {
        "type": "boolean",
        "default": False,
        "description": "Lists and globs: one row for every match in the referenced set.",
    },
    "update": _choice(
        Update,
        "merge: by the three-way merge. always: at every update. never: on insert only.",
        default=Update.MERGE,
    ),
    "secret": {
        "type": "boolean",
        "default": False,
        "description": "In no ledger, plan, report or log; implies `update: never`.",
    },
    "from": {
        **_NAME,
        "pattern": r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
        "description": "module:function, of the application: makes what is inserted of what a row"
        " gives. Implies `secret` and `update: never`.",
    },
    "was": _one_or_more("The column's former name, or names."),
    "merge": _choice(
        Way,
        "How a document is merged where both sides changed it: map key by key, set element by"
        " element, list by the keys that `by` names.",
        default=Way.ATOMIC,
    ),
    **_OF_A_LIST,
    "paths": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "merge": {"enum": [each.value for each in Way]},
                **_OF_A_LIST,
                "update": {"enum": [each.value for each in Update]},
                "conflict": {"enum": [each.value for each in Conflict]},
            },
            "additionalProperties": False,
        },
        "description": "Parts that are merged in a way of their own, such as limits.tags.",
    },
}

_FORMER: Schema = {
    "type": "object",
    "properties": {
        "table": _TABLE,
        "key": _one_or_more("The key that it had."),
        "scope": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "description": "The scope that it had; {} for none.",
        },
    },
    "minProperties": 1,
    "additionalProperties": False,
}

_SET: dict[str, Schema] = {
    "table": _TABLE,
    "key": _one_or_more("The natural key: columns of a unique index."),
    "nulls": _choice(
        Nulls,
        "equal: rows may have NULL in their key, which a NULLS NOT DISTINCT index keeps unique.",
        default=Nulls.DISTINCT,
    ),
    "scope": {
        "type": "object",
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        "description": "Constants that are written and are part of the identity.",
    },
    "when": _choice(
        When,
        "missing: ordinary deploys insert rows that were never seeded as well.",
        default=When.EMPTY,
    ),
    "removed": {
        "description": "What an update does with a row that has left this file.",
        "default": Removed.KEEP.value,
        "oneOf": [
            {"enum": [each.value for each in Removed if each is not Removed.SET]},
            {
                "type": "object",
                "properties": {"set": _values("Columns and values to write.", minProperties=1)},
                "required": ["set"],
                "additionalProperties": False,
            },
        ],
    },
    "deleted": {**_NAME, "description": "A soft-delete column: non-null or true is gone."},
    "conflict": _choice(
        Conflict,
        "Which value wins where a person and the catalog both changed it.",
        default=Conflict.KEEP,
    ),
    "together": {
        "type": "array",
        "items": {"type": "array", "items": _NAME, "minItems": 2},
        "description": "Groups of columns that are decided as one value.",
    },
    "environments": _one_or_more("Where the set belongs; everywhere without it."),
    "after": {
        **_NAME,
        "description": "A revision: the first rows go in right behind it, before the next one.",
    },
    "defaults": _values("Values for columns that a row leaves out."),
    "columns": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {key: _COLUMN[key] for key in COLUMN_KEYS},
            "additionalProperties": False,
            "dependentSchemas": {"expand": {"required": ["ref"]}},
        },
        "description": "Columns that need saying something.",
    },
    "moved": _moves("Rows whose key changed."),
    "was": {
        "description": "The table, key or scope that the set had before; a list for several.",
        "oneOf": [_FORMER, {"type": "array", "items": _FORMER, "minItems": 1}],
    },
    "rows": {
        "type": "array",
        "items": _values("One row, column: value."),
        "description": "The rows; [] removes or releases all there were.",
    },
    "rows_from": {
        "anyOf": [
            _NAME,
            {
                "type": "object",
                "properties": {
                    "file": _NAME,
                    "delimiter": {"type": "string", "minLength": 1, "maxLength": 1},
                    "null": {"type": "string"},
                    "skip": {"anyOf": [_NAME, {"type": "array", "items": _NAME}]},
                    "rename": {"type": "object", "additionalProperties": _NAME},
                },
                "required": ["file"],
                "additionalProperties": False,
            },
        ],
        "description": "A CSV, JSON or YAML file beside this one, or a CSV file of another form.",
    },
}


def json_schema() -> Schema:
    """The schema of a seed file in core/ or dev/."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "seeder: a seed set",
        "type": "object",
        "properties": {key: _SET[key] for key in KEYS},
        "required": ["table", "key"],
        "oneOf": [{"required": ["rows"]}, {"required": ["rows_from"]}],
        "additionalProperties": False,
    }
