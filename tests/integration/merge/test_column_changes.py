"""Columns that come, go, are renamed or change their type."""

from __future__ import annotations

import pytest

from tests.support.merge import Project, counts
from tests.support.tiers import TABLE, live, seed


@pytest.fixture
def launched(project: Project) -> Project:
    """One tier, seeded: code a, name Alpha, lim 1."""
    project.sql(TABLE)
    seed(project, "{code: a, name: Alpha, lim: 1}")
    project.init()
    return project


# -- columns new in the catalog -----------------------------------------------------------


def test_a_new_column_without_a_default_is_filled_where_it_is_still_null(
    launched: Project,
) -> None:
    seed(launched, "{code: a, name: Alpha, lim: 1}", "{code: b, name: Beta, lim: 2}")
    launched.update()
    launched.sql("ALTER TABLE tiers ADD note text")
    launched.sql("UPDATE tiers SET note = 'mine' WHERE code = 'b'")
    seed(
        launched,
        "{code: a, name: Alpha, lim: 1, note: ours}",
        "{code: b, name: Beta, lim: 2, note: ours}",
    )
    assert counts(launched.update(), "tiers") == {"update": 1, "keep": 1, "conflicts": 1}
    assert live(launched, "code, note") == [("a", "ours"), ("b", "mine")]
    launched.assert_settled()


@pytest.mark.parametrize(
    ("definition", "desired", "stored"),
    [
        ("text DEFAULT 'free'", "paid", "paid"),
        ("integer NOT NULL DEFAULT 5", "7", 7),
        ("numeric(6,2) NOT NULL DEFAULT 1.5", "2.25", "2.25"),
        ("boolean NOT NULL DEFAULT false", "true", True),
        ("varchar(10) DEFAULT 'x'", "w", "w"),
        ("integer DEFAULT '-1'::integer", "7", 7),
        ("date DEFAULT '2020-01-01'", "'2021-02-03'", "2021-02-03"),
        ("text[] DEFAULT '{}'", "[x]", ["x"]),
        ("jsonb DEFAULT '{}'", "{a: 1}", {"a": 1}),
    ],
)
def test_a_new_column_with_a_constant_default_merges_from_that_default(
    launched: Project, definition: str, desired: str, stored: object
) -> None:
    seed(launched, "{code: a, name: Alpha, lim: 1}", "{code: b, name: Beta, lim: 2}")
    launched.update()
    launched.sql(f"ALTER TABLE tiers ADD extra {definition}")
    launched.sql("UPDATE tiers SET extra = NULL WHERE false")
    seed(
        launched,
        f"{{code: a, name: Alpha, lim: 1, extra: {desired}}}",
        f"{{code: b, name: Beta, lim: 2, extra: {desired}}}",
    )
    assert counts(launched.update(), "tiers") == {"update": 2}
    value = launched.value("SELECT extra FROM tiers WHERE code = 'a'")
    assert value == stored or str(value) == stored
    launched.assert_settled()


@pytest.mark.parametrize(
    "definition",
    [
        "timestamptz NOT NULL DEFAULT now()",
        "timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
        "uuid NOT NULL DEFAULT gen_random_uuid()",
        "text NOT NULL DEFAULT session_user",
        "text NOT NULL DEFAULT CURRENT_ROLE",
        "text NOT NULL DEFAULT CURRENT_CATALOG",
        "text DEFAULT CURRENT_SCHEMA",
        "text DEFAULT lower('ABC')",
    ],
)
def test_a_new_column_with_a_volatile_default_is_kept_and_reported(
    launched: Project, definition: str
) -> None:
    launched.sql(f"ALTER TABLE tiers ADD extra {definition}")
    before = launched.value("SELECT extra FROM tiers")
    value = {"time": "2020-01-01T00:00:00Z", "uuid": "9f1c5a34-9a6e-4b7e-8d47-6c2a7f6c3a11"}
    desired = next((v for k, v in value.items() if definition.startswith(k)), "text")
    seed(launched, f"{{code: a, name: Alpha, lim: 1, extra: '{desired}'}}")
    assert counts(launched.update(), "tiers") == {"keep": 1, "conflicts": 1}
    assert launched.value("SELECT extra FROM tiers") == before
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()


def test_a_row_leaves_in_the_release_that_adds_a_serial_column(launched: Project) -> None:
    seed(launched, "{code: a, name: Alpha}", "{code: b, name: Beta}", "{code: c, name: Gamma}")
    launched.update()
    launched.sql("ALTER TABLE tiers ADD pos serial, ADD made timestamptz DEFAULT now()")
    launched.sql("UPDATE tiers SET name = 'Mine' WHERE code = 'c'")
    seed(launched, "{code: a, name: Alpha, pos: 1, made: 2020-01-01}", head="removed: delete\n")
    result = launched.update()
    assert counts(result, "tiers") == {"keep": 2, "delete": 1, "conflicts": 2}
    assert [code for code, *_ in live(launched)] == ["a", "c"]
    launched.assert_settled()
    seed(launched, "{code: z, name: Zeta}", head="removed: delete\n")
    result = launched.update()
    assert counts(result, "tiers") == {"insert": 1, "keep": 1, "conflicts": 1}, "c was told before"
    launched.assert_settled()


def test_a_row_that_left_a_varying_default_alone_leaves_with_the_catalog(
    project: Project,
) -> None:
    project.sql(TABLE + "; ALTER TABLE tiers ADD pos serial")
    seed(project, "{code: a, pos: 7}", "{code: b}", "{code: c}", head="removed: delete\n")
    project.init()
    seed(project, "{code: a, pos: 8}", "{code: c}", head="removed: delete\n")
    assert counts(project.update(), "tiers") == {"update": 1, "delete": 1}
    project.assert_settled()
    seed(project, "{code: a, pos: 8}", "{code: c, name: Gamma}", head="removed: delete\n")
    assert counts(project.update(), "tiers") == {"update": 1}
    seed(project, "{code: a, pos: 8}", head="removed: delete\n")
    assert counts(project.update(), "tiers") == {"delete": 1}
    project.assert_settled()


def test_a_column_that_comes_back_merges_from_what_was_applied_before(launched: Project) -> None:
    seed(launched, "{code: a, name: Alpha}")
    launched.update()
    launched.sql("UPDATE tiers SET lim = 50")
    seed(launched, "{code: a, name: Alpha, lim: 1}")
    launched.update()
    assert live(launched) == [("a", "Alpha", 50)]
    seed(launched, "{code: a, name: Alpha, lim: 2}")
    assert counts(launched.update(), "tiers")["conflicts"] == 1


def test_a_renamed_column_keeps_its_base(launched: Project) -> None:
    seed(launched, "{code: a, name: Alpha, lim: 1}", "{code: b, name: Beta, lim: 1}")
    launched.update()
    launched.sql("UPDATE tiers SET lim = 9 WHERE code = 'b'")
    launched.sql("ALTER TABLE tiers RENAME lim TO cap")
    seed(
        launched,
        "{code: a, name: Alpha, cap: 2}",
        "{code: b, name: Beta, cap: 2}",
        head="columns: {cap: {was: lim}}\n",
    )
    assert counts(launched.update(), "tiers") == {"update": 1, "keep": 1, "conflicts": 1}
    assert live(launched, "code, cap") == [("a", 2), ("b", 9)]
    launched.assert_settled()


def test_a_renamed_column_keeps_what_its_notes_remember(launched: Project) -> None:
    launched.sql("UPDATE tiers SET lim = 9")
    seed(launched, "{code: a, name: Alpha, lim: 2}")
    launched.update()
    launched.sql("ALTER TABLE tiers RENAME lim TO cap")
    seed(launched, "{code: a, name: Alpha, cap: 2}", head="columns: {cap: {was: lim}}\n")
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()


# -- the type of a column changes ----------------------------------------------------------


def test_a_column_whose_type_changed_is_recast(launched: Project) -> None:
    seed(launched, "{code: a, name: Alpha, lim: 1}", "{code: b, name: Beta, lim: 1}")
    launched.update()
    launched.sql("UPDATE tiers SET lim = 9 WHERE code = 'b'")
    launched.sql("ALTER TABLE tiers ALTER lim TYPE text")
    seed(launched, "{code: a, name: Alpha, lim: '2'}", "{code: b, name: Beta, lim: '2'}")
    assert counts(launched.update(), "tiers") == {"update": 1, "keep": 1, "conflicts": 1}
    assert live(launched, "code, lim") == [("a", "2"), ("b", "9")]
    launched.assert_settled()


def test_a_text_that_became_a_number_is_recast(launched: Project) -> None:
    seed(launched, "{code: a, name: '12', lim: 1}")
    launched.update()
    launched.sql("ALTER TABLE tiers ALTER name TYPE int USING name::int")
    seed(launched, "{code: a, name: 13, lim: 1}")
    assert counts(launched.update(), "tiers") == {"update": 1}
    assert live(launched) == [("a", 13, 1)]
    launched.assert_settled()


def test_a_column_that_cannot_be_recast_is_unknown(launched: Project) -> None:
    launched.sql("ALTER TABLE tiers ALTER name TYPE int USING length(name)")
    seed(launched, "{code: a, name: 13, lim: 1}")
    assert counts(launched.update(), "tiers") == {"keep": 1, "conflicts": 1}
    assert live(launched) == [("a", 5, 1)]
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()


def test_a_recast_of_an_offered_value_keeps_the_offer(launched: Project) -> None:
    launched.sql("UPDATE tiers SET lim = 9")
    seed(launched, "{code: a, name: Alpha, lim: 2}")
    launched.update()
    launched.sql("ALTER TABLE tiers ALTER lim TYPE bigint")
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()


def test_a_longer_varchar_changes_nothing(project: Project) -> None:
    project.sql("CREATE TABLE t (code varchar(10) PRIMARY KEY, name varchar(10))")
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, name: alpha}\n")
    project.init()
    project.sql("ALTER TABLE t ALTER name TYPE varchar(20), ALTER code TYPE text")
    assert counts(project.update(), "t") == {}
    project.assert_settled()
    project.write("t", "table: t\nkey: code\nrows:\n  - {code: a, name: much longer text}\n")
    assert counts(project.update(), "t") == {"update": 1}


def test_a_primary_key_that_grows_to_bigint_keeps_every_entry(launched: Project) -> None:
    launched.sql("ALTER TABLE tiers ALTER id TYPE bigint")
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()
    launched.sql("UPDATE tiers SET code = 'renamed'")
    seed(launched, "{code: a, name: Beta, lim: 1}")
    assert counts(launched.update(), "tiers") == {"update": 1}
    assert live(launched) == [("renamed", "Beta", 1)]


def test_a_new_primary_key_is_followed_by_the_natural_key(launched: Project) -> None:
    launched.sql(
        "ALTER TABLE tiers DROP CONSTRAINT tiers_pkey, ADD ref uuid NOT NULL"
        " DEFAULT gen_random_uuid()"
    )
    launched.sql("ALTER TABLE tiers ADD PRIMARY KEY (ref)")
    assert counts(launched.update(), "tiers") == {}
    launched.assert_settled()
    launched.sql("UPDATE tiers SET code = 'renamed'")
    seed(launched, "{code: a, name: Beta, lim: 1}")
    assert counts(launched.update(), "tiers") == {"update": 1}
    assert live(launched) == [("renamed", "Beta", 1)]
