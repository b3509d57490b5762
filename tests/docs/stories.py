"""The examples of docs/merge.md, carried out: `catalog ... → somebody ... → catalog ...`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from seeder.merge.model import Mode
from seeder.merge.plan import RowChange
from tests.support.merge import Project

_TABLE = """
    CREATE TABLE roles (
        id serial PRIMARY KEY,
        code text NOT NULL UNIQUE,
        label text,
        parent_id int REFERENCES roles ON DELETE SET NULL,
        is_deleted boolean NOT NULL DEFAULT false,
        made timestamptz DEFAULT now()
    )
"""
_KEEPS = """
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF OLD.code = '{}' THEN RETURN NULL; END IF; RETURN OLD; END $$;
    CREATE TRIGGER keeps BEFORE DELETE ON roles FOR EACH ROW EXECUTE FUNCTION keep();
"""
_ROW = re.compile(r"(?P<code>\w+): (?P<label>\w+)(?: below (?P<parent>\w+))?")


@dataclass
class Story:
    """A project with the table of the examples; `tell` carries out one of them."""

    project: Project
    head: list[str] = field(default_factory=list)

    def tell(self, example: str) -> None:
        """Carry out every step of an example; the last is an update, or a refresh."""
        self.project.environment = "test"  # where a refresh is allowed
        self.project.sql(_TABLE)
        for step in example.split(" → "):
            who, _, what = step.partition(" ")
            match who:
                case "catalog":
                    self._catalog(what)
                case "somebody":
                    whole = "swaps" in what or "gives its id" in what
                    for deed in [what] if whole else what.split(" and "):
                        self._somebody(deed)
                case "refresh":
                    self.project.run(Mode.REFRESH)
                case _:
                    raise AssertionError(f"nobody knows how to {step!r}")

    def row(self, code: str) -> RowChange | None:
        """What the plan made before the last update said about a row."""
        rows = self.project.plans["roles"].rows
        return next((row for row in rows if row.address == f"roles/{code}"), None)

    def table(self) -> str:
        """The table as the examples write it, in the order of ids."""
        rows = self.project.rows("SELECT code, label FROM roles ORDER BY id")
        return ", ".join(f"`{code}: {label}`" for code, label in rows) or "empty"

    def _catalog(self, what: str) -> None:
        listed, _, policy = what.partition(" with ")
        policy = policy.strip("`")
        reference = "parent_id: {ref: roles}"
        if policy.startswith("parent_id"):
            reference, policy = policy, ""
        defaults = "parent_id: null"
        if policy.startswith("made"):
            defaults, policy = f"{defaults}, {policy}", ""
        rows = []
        for code, label, parent in _ROW.findall(listed):
            below = f", parent_id: {parent}" if parent else ""
            rows.append(f"  - {{code: {code}, label: {label}{below}}}")
        head = [
            "table: roles",
            "key: code",
            "removed: keep" if "removed" not in policy else "",
            policy,
            f"defaults: {{{defaults}}}",
            f"columns: {{{reference}}}",
            "rows:",
        ]
        self.project.write("roles", "\n".join([*filter(None, head), *rows]) + "\n")
        if not self.project.surveyed:
            self.project.survey()
        self.project.update()

    def _somebody(self, deed: str) -> None:
        names = re.findall(r"`([^`]+)`", deed)
        match deed.split()[0]:
            case "deletes" if "gives its id" in deed:
                gone, heir = names
                self.project.sql(
                    "WITH gone AS (DELETE FROM roles WHERE code = %s RETURNING id)"
                    " UPDATE roles SET id = -gone.id FROM gone WHERE code = %s",
                    gone,
                    heir,
                )
                self.project.sql("UPDATE roles SET id = -id WHERE id < 0")
            case "deletes":
                self.project.sql("DELETE FROM roles WHERE code = %s", names[0])
            case "renames":
                self.project.sql("UPDATE roles SET code = %s WHERE code = %s", names[1], names[0])
            case "marks":
                self.project.sql("UPDATE roles SET is_deleted = true WHERE code = %s", names[0])
            case "inserts":
                ((code, label, parent),) = _ROW.findall(names[0])
                self.project.sql(
                    "INSERT INTO roles (code, label, parent_id)"
                    " SELECT %s, %s, (SELECT id FROM roles WHERE code = %s)",
                    code,
                    label,
                    parent,
                )
            case "changes":
                ((code, label, _),) = _ROW.findall(names[0])
                self.project.sql("UPDATE roles SET label = %s WHERE code = %s", label, code)
            case "makes" if names:
                self.project.sql(_KEEPS.format(*names))
                self.project.surveyed = False  # no plan knows what a trigger will do
            case "makes":
                self.project.sql("CREATE UNIQUE INDEX ON roles (label) WHERE NOT is_deleted")
            case "swaps":
                self.project.sql("UPDATE roles SET id = id + 1000")
                self.project.sql(
                    "UPDATE roles r SET id = other.id - 1000 FROM roles other"
                    " WHERE r.code = ANY (%s) AND other.code = ANY (%s) AND other.code <> r.code",
                    names,
                    names,
                )
            case _:
                raise AssertionError(f"nobody knows how somebody {deed!r}")
