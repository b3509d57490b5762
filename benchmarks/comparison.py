"""`make compare`: one small story with each tool that runs here, and what each leaves behind.

A release ships four rows. A person edits one, deletes one and adds one. Then either the same
release is deployed once more, or the next one, which has new titles, a row more and a row less.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import systems
from benchmarks.bench import PYTHON, SEEDER, Bench, running
from benchmarks.measure import Case, once, say
from benchmarks.results import COMMITTED

WORK = Path(sys.prefix).parent
HERE = Path(__file__).parent / "systems"
NODE_MODULES = systems.NODE_MODULES

Rows = Mapping[str, str]
"""Titles by code."""

FIRST: Rows = {"free": "Free", "pro": "Pro", "team": "Team", "old": "Old"}
SECOND: Rows = {"free": "Free plan", "pro": "Pro plan", "team": "Team plan", "max": "Max"}
PERSON = (
    "UPDATE tiers SET title = 'Professional' WHERE code = 'pro'",
    "DELETE FROM tiers WHERE code = 'team'",
    "INSERT INTO tiers VALUES ('gold', 'Gold')",
)
TABLE = "CREATE TABLE tiers (code text PRIMARY KEY, title text NOT NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One way to ship rows."""

    name: str
    version: str
    prepare: Callable[[Path, Rows, int], Sequence[str]]
    """Writes the files of a release into the directory; returns the command that deploys it."""
    missing: Callable[[], str | None] = lambda: None


# -- the tools -----------------------------------------------------------------------------


def _seeder(place: Path, rows: Rows, release: int) -> Sequence[str]:
    (place / "seeds/core").mkdir(parents=True, exist_ok=True)
    (place / "seeder.toml").write_text(f'release = "{release}"\n[migrations]\nnone = true\n')
    lines = [f"  - {{code: {code}, title: {title}}}\n" for code, title in rows.items()]
    head = "table: tiers\nkey: code\nremoved: delete\nrows:\n"
    (place / "seeds/core/tiers.yaml").write_text(head + "".join(lines))
    return [*SEEDER, "run", "--project", str(place)]


ITSELF = Tool(name="**`seeder run`**", version="**seeder**", prepare=_seeder)


def _sql(conflict: str) -> Callable[[Path, Rows, int], Sequence[str]]:
    def prepare(place: Path, rows: Rows, release: int) -> Sequence[str]:  # noqa: ARG001
        values = ", ".join(f"('{code}', '{title}')" for code, title in rows.items())
        statement = f"INSERT INTO tiers VALUES {values} ON CONFLICT (code) DO {conflict}"
        return [*PYTHON, "-m", "benchmarks.systems.tiers", "sql", statement]

    return prepare


def _json(place: Path, rows: Rows) -> str:
    file = place / "tiers.json"
    listed = [{"code": code, "title": title} for code, title in rows.items()]
    file.write_text(json.dumps(listed))
    return str(file)


def _script(way: str) -> Callable[[Path, Rows, int], Sequence[str]]:
    return lambda place, rows, _: [
        *PYTHON,
        "-m",
        "benchmarks.systems.tiers",
        way,
        _json(place, rows),
    ]


def _loaddata(place: Path, rows: Rows, release: int) -> Sequence[str]:  # noqa: ARG001
    file = place / "tiers.json"
    fixture = [
        {"model": "shop.tier", "pk": code, "fields": {"title": title}}
        for code, title in rows.items()
    ]
    file.write_text(json.dumps(fixture))
    settings = "--settings=benchmarks.systems.shop.settings"
    return [*PYTHON, "-m", "django", "loaddata", str(file), settings, "--verbosity=0"]


def _knex(way: str) -> Callable[[Path, Rows, int], Sequence[str]]:
    script = str(HERE / "knex_tiers.cjs")
    return lambda place, rows, _: ["node", script, way, _json(place, rows)]


CHANGELOG = """<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog
    xmlns="http://www.liquibase.org/xml/ns/dbchangelog"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.liquibase.org/xml/ns/dbchangelog
                        http://www.liquibase.org/xml/ns/dbchangelog/dbchangelog-4.3.xsd">
  <changeSet id="tiers" author="shop" runOnChange="true">
    <loadUpdateData tableName="tiers" file="tiers.csv" primaryKey="code" onlyUpdate="{only}"/>
  </changeSet>
</databaseChangeLog>
"""


def _liquibase(*, only_update: bool) -> Callable[[Path, Rows, int], Sequence[str]]:
    def prepare(place: Path, rows: Rows, release: int) -> Sequence[str]:
        # With it from the start, an empty table stays empty.
        only = only_update and release > 1
        (place / "changelog.xml").write_text(CHANGELOG.format(only=str(only).lower()))
        lines = [f"{code},{title}\n" for code, title in rows.items()]
        (place / "tiers.csv").write_text("code,title\n" + "".join(lines))
        return systems.liquibase(place, "changelog.xml", "update")

    return prepare


def _npm(package: str) -> str:
    file = NODE_MODULES / package / "package.json"
    return str(json.loads(file.read_text())["version"]) if file.exists() else ""


def tools() -> Iterator[Tool]:
    """Every tool, seeder last."""
    of = importlib.metadata.version
    postgres = "INSERT"
    yield Tool(name="`ON CONFLICT DO UPDATE`", version=postgres, prepare=_sql(_EXCLUDED))
    yield Tool(name="`ON CONFLICT DO NOTHING`", version=postgres, prepare=_sql("NOTHING"))
    alchemy = f"SQLAlchemy {of('sqlalchemy')}"
    yield Tool(name="`session.merge()` of each row", version=alchemy, prepare=_script("merge"))
    yield Tool(name="`session.add()` if not there", version=alchemy, prepare=_script("add"))
    yield Tool(name="`loaddata`", version=f"Django {of('django')}", prepare=_loaddata)
    knex = f"Knex {_npm('knex')}"
    missing = systems.knex_missing
    yield Tool(
        name="seed file as its stub: `del()`, `insert()`",
        version=knex,
        prepare=_knex("stub"),
        missing=missing,
    )
    yield Tool(
        name="seed file, `onConflict().merge()`",
        version=knex,
        prepare=_knex("merge"),
        missing=missing,
    )
    liquibase = f"Liquibase {_npm('liquibase')}"
    yield Tool(
        name="`loadUpdateData`, `runOnChange`",
        version=liquibase,
        prepare=_liquibase(only_update=False),
        missing=systems.liquibase_missing,
    )
    yield Tool(
        name="the same, then with `onlyUpdate`",
        version=liquibase,
        prepare=_liquibase(only_update=True),
        missing=systems.liquibase_missing,
    )
    yield ITSELF


_EXCLUDED = "UPDATE SET title = excluded.title"


# -- the story -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a tool has left behind."""

    redeployed: Rows
    """After the same release once more."""
    released: Rows
    """After the next one."""
    rewritten: int
    """How many rows yet another run of it wrote again."""


def tell(bench: Bench, tool: Tool) -> Ending:
    """Carry the story out with a tool, both ways."""
    same = _Shop(bench, tool)
    same.deploy(FIRST, 1)
    same.person()
    same.deploy(FIRST, 1)
    redeployed = same.rows()
    shop = _Shop(bench, tool)
    shop.deploy(FIRST, 1)
    shop.person()
    shop.deploy(SECOND, 2)
    released, versions = shop.rows(), shop.versions()
    shop.deploy(SECOND, 2)
    if shop.rows() != released:
        raise RuntimeError(f"{tool.name}: a second run of a release has another outcome")
    return Ending(
        redeployed=redeployed,
        released=released,
        rewritten=len(shop.versions() - versions),
    )


def rolled_back(bench: Bench) -> Rows:
    """What Liquibase's rollback of `loadUpdateData` leaves of a row that was there before."""
    tool = next(each for each in tools() if "loadUpdateData" in each.name)
    shop = _Shop(bench, tool)
    with bench.connect(shop.database) as connection:
        connection.execute("INSERT INTO tiers VALUES ('pro', 'Professional')")
    shop.deploy(FIRST, 1)
    shop.run(systems.liquibase(shop.place, "changelog.xml", "rollbackCount", "1"))
    return shop.rows()


class _Shop:
    """A fresh database and a directory for files."""

    def __init__(self, bench: Bench, tool: Tool) -> None:
        self.bench, self.tool = bench, tool
        self.database = bench.template()
        self.place = bench.files / f"compare-{self.database}"
        self.place.mkdir(exist_ok=True)
        with bench.connect(self.database) as connection:
            connection.execute(TABLE)

    def deploy(self, rows: Rows, release: int) -> None:
        self.run(self.tool.prepare(self.place, rows, release))

    def run(self, command: Sequence[str]) -> None:
        variables = {
            "DATABASE_URL": self.bench.url(self.database),
            **systems.node_variables(self.bench, self.database),
            **systems.jdbc_variables(self.bench, self.database),
        }
        once(Case(name=self.tool.name, command=command, prepare=lambda: variables))

    def person(self) -> None:
        with self.bench.connect(self.database) as connection:
            for statement in PERSON:
                connection.execute(statement)

    def rows(self) -> Rows:
        with self.bench.connect(self.database) as connection:
            return dict(connection.execute("SELECT code, title FROM tiers").fetchall())

    def versions(self) -> set[tuple[str, str]]:
        with self.bench.connect(self.database) as connection:
            found = connection.execute("SELECT code, xmin::text FROM tiers").fetchall()
        return {(code, xmin) for code, xmin in found}


# -- the table -----------------------------------------------------------------------------

HEAD = (
    "tool",
    "way",
    "same release: edited row",
    "deleted row",
    "a person's own row",
    "next release: untouched row",
    "edited row",
    "deleted row",
    "new row",
    "dropped row",
    "a person's own row",
    "rows written by a further run",
)


def line(tool: Tool, found: Ending) -> tuple[str, ...]:
    """A tool's line, in words."""
    same, after = found.redeployed, found.released
    return (
        tool.version,
        tool.name,
        _edited(same),
        "comes back" if "team" in same else "stays deleted",
        "stays" if "gold" in same else "deleted",
        "new default" if after["free"] == SECOND["free"] else "old default",
        _edited(after),
        "comes back" if "team" in after else "stays deleted",
        "arrives" if "max" in after else "missing",
        "stays" if "old" in after else "deleted",
        "stays" if "gold" in after else "deleted",
        str(found.rewritten),
    )


def _edited(rows: Rows) -> str:
    return "kept" if rows["pro"] == "Professional" else "overwritten"


def main() -> int:
    """Tell the story with all of them, and write the table."""
    lines, not_run = [HEAD, ("---",) * len(HEAD)], []
    with running(WORK, quick=True, rounds=1) as bench:
        for tool in tools():
            why_not = tool.missing()
            if why_not:
                not_run.append(f"{tool.version}{tool.name}: not run, {why_not}.")
                continue
            say(f"{tool.version}: {tool.name}")
            lines.append(line(tool, tell(bench, tool)))
        text = "\n".join(f"| {' | '.join(each)} |" for each in lines) + "\n"
        text += "".join(f"\n{each}\n" for each in not_run)
        if systems.liquibase_missing() is None:
            gone = "pro" not in rolled_back(bench)
            text += (
                "\nA row was there before Liquibase's changeset, which has it too. After"
                f" `rollbackCount 1` it is {'deleted' if gone else 'still there'}.\n"
            )
    (COMMITTED / "comparison.md").write_text(text)
    sys.stdout.write(text)
    return 1 if not_run else 0


if __name__ == "__main__":
    sys.exit(main())
