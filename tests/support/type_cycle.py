"""What becomes of a value of each type in the life of a database: the table of docs/types.md.

`python -m tests.support.type_cycle` runs every type on a server of its own and writes the table
anew; a test holds each of its lines against a run.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from seeder.merge.result import RunResult
from seeder.settle.adopt import adopt
from seeder.settle.export import export
from seeder.settle.undo import undo
from tests.support.events import Events
from tests.support.kinds import KINDS, Kind
from tests.support.merge import Project, counts

PAGE = Path(__file__).parents[2] / "docs" / "types.md"
HEAD = ("type", "first load", "second run", "edit", "new default", "undo", "export and adopt")


def line(project: Project, kind: Kind) -> tuple[str, ...]:
    """The line of the table, from a run on an empty database."""
    if kind.setup:
        project.sql(kind.setup)
    project.sql(f"CREATE TABLE t (code text PRIMARY KEY, val {kind.type})")
    one, two, three = kind.values
    _seed(project, one, one, three)
    first = _said(_counts(project.init()), {"insert": 3}, "inserted")
    loaded = _values(project, kind)
    second = _said(_counts(project.update()), {}, "nothing to do")
    project.sql(
        "UPDATE t SET val = (SELECT CASE WHEN o.val::text <> t.val::text THEN o.val END"
        " FROM t o WHERE o.code = 'c') WHERE code = 'b'"
    )
    edited = _values(project, kind)["b"]
    edit = _said(_counts(project.update()), {}, "stays")
    _seed(project, two, two, three)
    result = project.update()
    new_default = _said(
        _counts(result), {"update": 1, "keep": 1, "conflicts": 1}, "arrives; the edit stays"
    )
    if _values(project, kind)["b"] != edited or _values(project, kind)["a"] == loaded["a"]:
        new_default = "wrong values"
    assert result.run_id is not None
    settled = undo(project.settings(), log=Events(), run=result.run_id, dry_run=False)
    undone = _said(settled.counts, {"update": 1}, "taken back")
    if _values(project, kind) != {**loaded, "b": edited}:
        undone = "wrong values"
    return kind.type, first, second, edit, new_default, undone, _exported(project, kind)


def _exported(project: Project, kind: Kind) -> str:
    """Export, a ledger that knows nothing, adopt, and a run that has nothing to do."""
    before = _values(project, kind)
    project.remove("t")
    project.sql("DROP SCHEMA seeder CASCADE")
    out = project.directory / "seeds" / "core"
    export(project.settings(), log=Events(), tables=("t",), keys={}, out=out)
    settled = adopt(project.settings(), log=Events())
    said = _said(settled.counts, {"adopt": 3}, "the same")
    if said != "the same":
        return said
    after = _said(_counts(project.update()), {}, "the same")
    return after if _values(project, kind) == before else "wrong values"


def _seed(project: Project, *values: str) -> None:
    rows = "".join(
        f"  - {{code: {code}, val: {value}}}\n" for code, value in zip("abc", values, strict=True)
    )
    project.write("t", f"table: t\nkey: code\nrows:\n{rows}")


def _values(project: Project, kind: Kind) -> dict[str, str | None]:
    # The ledger keeps a document, not how it was written.
    text = "val::jsonb::text" if kind.type == "json" else "val::text"
    return dict(project.rows(f"SELECT code, {text} FROM t"))


def _counts(result: RunResult) -> Mapping[str, int]:
    return counts(result, "t")


def _said(found: Mapping[str, int], expected: Mapping[str, int], words: str) -> str:
    if dict(found) == dict(expected):
        return words
    return ", ".join(f"{name} {number}" for name, number in sorted(found.items())) or "nothing"


def written(lines: list[tuple[str, ...]]) -> str:
    """The table in Markdown; types stand once."""
    kept = {each[0]: each for each in reversed(lines)}
    body = [[f"`{kind}`", *rest] for kind, *rest in sorted(kept.values())]
    rows = [list(HEAD), ["---"] * len(HEAD), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Write the table."""
    from seeder.database.embedded import embedded_server
    from tests.support.merge import open_project
    from tests.support.postgres import Database, Server

    lines = []
    with embedded_server.throwaway(settings={}, programs=None) as running:
        server = Server(running.conninfo())
        for number, kind in enumerate(KINDS):
            server.execute(f"CREATE DATABASE types_{number} TEMPLATE template0")
            with tempfile.TemporaryDirectory() as directory:
                database = Database(server, f"types_{number}")
                lines.append(line(open_project(Path(directory) / "db", database), kind))
                database.close()
    text = PAGE.read_text(encoding="utf-8")
    table = f"<!-- from a run -->\n\n{written(lines)}\n\n<!-- end of it -->"
    pattern = r"<!-- from a run -->.*<!-- end of it -->"
    PAGE.write_text(re.sub(pattern, lambda _: table, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
