"""A database in LATIN1 and German, sorted by ICU, and a role with every setting turned round."""

from __future__ import annotations

import pytest

from tests.support.kinds import KINDS, Kind
from tests.support.merge import Project
from tests.support.shop import ROLES_SEED, Shop
from tests.support.type_cycle import HEAD, line

pytestmark = pytest.mark.on("odd_server")

# Types whose text or order hangs on the encoding, the locale or a setting.
TYPES = [
    "numeric(10,2)",
    "real",
    "money",
    "text",
    "citext",
    "char(4)",
    "date",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "bytea",
    "json",
    "jsonb",
    "text[]",
    "mood",
    "tstzrange",
    "tsvector",
    "hstore",
]


def in_latin(kind: Kind) -> Kind:
    one, two, three = kind.values
    return Kind(kind.type, (one, two, three.replace("漢 😀", "ß")), kind.setup)


@pytest.mark.parametrize("kind", [each for each in KINDS if each.type in TYPES], ids=str)
def test_a_type_lives_there_as_everywhere(project: Project, kind: Kind) -> None:
    said = dict(zip(HEAD, line(project, in_latin(kind)), strict=True))
    assert said == {
        "type": kind.type,
        "first load": "inserted",
        "second run": "nothing to do",
        "edit": "stays",
        "new default": "arrives; the edit stays",
        "undo": "taken back",
        "export and adopt": "the same",
    }


def test_the_role_and_the_database_are_odd(project: Project) -> None:
    with project.database.server.connect(project.database.name, user="odd") as connection:
        found = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[index]
            for name in ("server_encoding", "lc_monetary", "enable_hashjoin", "DateStyle")
        }
        assert found == {
            "server_encoding": "LATIN1",
            "lc_monetary": "de_DE",
            "enable_hashjoin": "off",
            "DateStyle": "SQL, DMY",
        }
        (euros,) = connection.execute("SELECT '0,99'::money::text").fetchone() or ()
        assert euros.startswith("0,99")


def test_releases_go_through(shop: Shop) -> None:
    shop.configure(release="1")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    shop.database.execute("UPDATE roles SET level = 7 WHERE code = 'viewer'")
    shop.scripts.add("0003", "ALTER TABLE public.roles ADD note text NOT NULL DEFAULT 'ä'")
    shop.seed("roles", ROLES_SEED.replace("editor, level: 2", "editor, level: 5, note: 'ß'"))
    shop.configure(release="2")
    done = shop.run()
    assert done.exit_code == 0, done.stderr
    assert shop.rows("SELECT code, level, note FROM roles ORDER BY level") == [
        ("owner", 3, "ä"),
        ("editor", 5, "ß"),
        ("viewer", 7, "ä"),
    ]
    undone = shop.command("undo", "2", "--yes")
    assert undone.exit_code == 0, undone.stderr
    assert shop.value("SELECT level FROM roles WHERE code = 'editor'") == 2
    assert shop.command("status").exit_code == 0
    assert shop.run().finished["result"] == "nothing-to-do"
