"""Sets that refer to each other, and keys that cascade to what refers to them."""

from __future__ import annotations

import pytest

from tests.support.merge import Project, counts

CYCLE = (
    "CREATE TABLE teams (id serial PRIMARY KEY, code text NOT NULL UNIQUE, lead_id int {n1});"
    "CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL UNIQUE, team_id int {n2});"
    "ALTER TABLE teams ADD FOREIGN KEY (lead_id) REFERENCES people {d};"
    "ALTER TABLE people ADD FOREIGN KEY (team_id) REFERENCES teams {d}"
)


def cycle(project: Project, teams: dict[str, str], people: dict[str, str], head: str = "") -> None:
    listed = "".join(f"  - {{code: {c}, lead_id: {p}}}\n" for c, p in teams.items()) or "  []\n"
    project.write(
        "teams",
        f"table: teams\nkey: code\n{head}columns: {{lead_id: {{ref: people}}}}\nrows:\n{listed}",
    )
    listed = "".join(f"  - {{name: {p}, team_id: {c}}}\n" for p, c in people.items()) or "  []\n"
    project.write(
        "people",
        f"table: people\nkey: name\n{head}columns: {{team_id: {{ref: teams}}}}\nrows:\n{listed}",
    )


@pytest.mark.parametrize(
    ("n1", "n2", "deferrable"),
    [
        ("NOT NULL", "NOT NULL", "DEFERRABLE"),
        ("NOT NULL", "NOT NULL", "DEFERRABLE INITIALLY DEFERRED"),
        ("", "", ""),
        ("", "NOT NULL", ""),
        ("NOT NULL", "", ""),
        ("", "", "DEFERRABLE"),
    ],
)
def test_two_sets_that_refer_to_each_other(
    project: Project, n1: str, n2: str, deferrable: str
) -> None:
    project.sql(CYCLE.format(n1=n1, n2=n2, d=deferrable))
    cycle(project, {"red": "ann", "blue": "bob"}, {"ann": "red", "bob": "red"})
    result = project.init()
    assert (counts(result, "teams"), counts(result, "people")) == ({"insert": 2}, {"insert": 2})
    query = (
        "SELECT t.code, p.name FROM teams t JOIN people p ON p.id = t.lead_id ORDER BY 1",
        "SELECT p.name, t.code FROM people p JOIN teams t ON t.id = p.team_id ORDER BY 1",
    )
    assert project.rows(query[0]) == [("blue", "bob"), ("red", "ann")]
    assert project.rows(query[1]) == [("ann", "red"), ("bob", "red")]
    project.assert_settled()
    cycle(
        project,
        {"red": "cid", "blue": "bob", "green": "cid"},
        {"ann": "green", "bob": "red", "cid": "green"},
    )
    result = project.update()
    assert counts(result, "teams") == {"insert": 1, "update": 1}
    assert counts(result, "people") == {"insert": 1, "update": 1}
    assert project.rows(query[0]) == [("blue", "bob"), ("green", "cid"), ("red", "cid")]
    assert project.rows(query[1]) == [("ann", "green"), ("bob", "red"), ("cid", "green")]
    project.assert_settled()


@pytest.mark.parametrize(
    ("n1", "deferrable"),
    [
        ("", ""),
        ("", "DEFERRABLE"),
        ("NOT NULL", "DEFERRABLE"),
        ("", "ON DELETE RESTRICT"),
        ("", "ON DELETE CASCADE"),
        ("", "ON DELETE SET NULL"),
    ],
)
def test_a_circle_of_two_sets_that_leaves_the_catalog_is_deleted(
    project: Project, n1: str, deferrable: str
) -> None:
    project.sql(CYCLE.format(n1=n1, n2="", d=deferrable))
    cycle(project, {"red": "ann", "blue": "bob"}, {"ann": "red", "bob": "blue", "cid": "red"})
    project.init()
    cycle(project, {"blue": "bob"}, {"bob": "blue"}, head="removed: delete\n")
    result = project.update()
    assert (counts(result, "teams"), counts(result, "people")) == ({"delete": 1}, {"delete": 2})
    assert project.rows("SELECT t.code, p.name FROM teams t JOIN people p ON p.id = t.lead_id") == [
        ("blue", "bob")
    ]
    project.assert_settled()
    cycle(project, {"blue": "bob", "red": "ann"}, {"bob": "blue", "ann": "red"})
    result = project.update()
    assert (counts(result, "teams"), counts(result, "people")) == ({"restore": 1}, {"restore": 1})


def test_a_circle_of_two_sets_that_a_person_refers_to_is_kept_as_a_whole(
    project: Project,
) -> None:
    project.sql(CYCLE.format(n1="", n2="", d=""))
    cycle(project, {"red": "ann"}, {"ann": "red"})
    project.init()
    project.sql("INSERT INTO people (name, team_id) SELECT 'mine', id FROM teams")
    cycle(project, {}, {}, head="removed: delete\n")
    result = project.update()
    kept = {"keep": 1, "conflicts": 1}
    assert (counts(result, "teams"), counts(result, "people")) == (kept, kept)
    assert project.value("SELECT count(*) FROM teams JOIN people ON teams.id = team_id") == 2
    project.assert_settled()


@pytest.mark.parametrize("primary", ["", "id serial PRIMARY KEY, "])
def test_a_key_that_cascades_to_what_refers_to_it_is_no_edit_of_a_person(
    project: Project, primary: str
) -> None:
    unique = "UNIQUE NOT NULL" if primary else "PRIMARY KEY"
    project.sql(
        f"""
        CREATE TABLE tiers ({primary}name text {unique});
        CREATE TABLE accounts (
            id serial PRIMARY KEY, name text UNIQUE NOT NULL,
            tier text REFERENCES tiers (name) ON UPDATE CASCADE
        );
        """
    )

    def write(first: str, *, ann: str, bob: str | None, head: str = "") -> None:
        project.write(
            "tiers", f"table: tiers\nkey: name\n{head}rows: [{{name: {first}}}, {{name: pro}}]\n"
        )
        rows = [("ann", ann)] + ([] if bob is None else [("bob", bob)])
        listed = "".join(f"  - {{name: {name}, tier: {tier}}}\n" for name, tier in rows)
        project.write(
            "accounts",
            "table: accounts\nkey: name\nremoved: delete\ncolumns: {tier: {ref: tiers}}\n"
            f"rows:\n{listed}",
        )

    write("free", ann="free", bob="free")
    project.init()
    write("basic", ann="basic", bob="basic", head="moved: [{from: free, to: basic}]\n")
    project.update()
    assert project.rows("SELECT name, tier FROM accounts ORDER BY 1") == [
        ("ann", "basic"),
        ("bob", "basic"),
    ]
    project.assert_settled()
    write("basic", ann="pro", bob=None)
    result = project.update()
    assert counts(result, "accounts") == {"update": 1, "delete": 1}
    assert project.rows("SELECT name, tier FROM accounts") == [("ann", "pro")]
    project.assert_settled()


def test_rows_whose_primary_key_cascades_are_followed_in_the_same_run(project: Project) -> None:
    project.sql(
        """
        CREATE TABLE roles (name text PRIMARY KEY);
        CREATE TABLE grants (
            role text REFERENCES roles ON UPDATE CASCADE, what text, PRIMARY KEY (role, what)
        );
        """
    )

    def write(role: str, *granted: str, head: str = "") -> None:
        project.write("roles", f"table: roles\nkey: name\n{head}rows: [{{name: {role}}}]\n")
        listed = "".join(f"  - {{role: {role}, what: {what}}}\n" for what in granted)
        project.write(
            "grants",
            "table: grants\nkey: [role, what]\nremoved: delete\ncolumns: {role: {ref: roles}}\n"
            f"rows:\n{listed}",
        )

    write("owner", "view", "edit")
    project.init()
    write("boss", "view", head="moved: [{from: owner, to: boss}]\n")
    result = project.update()
    assert counts(result, "grants") == {"delete": 1}
    assert project.rows("SELECT role, what FROM grants") == [("boss", "view")]
    assert project.entry("grants", "boss,view")["p1"] == "boss"
    project.assert_settled()
