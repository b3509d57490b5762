"""A set whose scope changes between releases keeps its rows, and what is known of them."""

from __future__ import annotations

from tests.support.merge import Project, counts

ROLES = (
    "CREATE TABLE roles (id serial PRIMARY KEY, org int, tenant text, code text NOT NULL,"
    " label text)"
)


def roles(project: Project, *rows: str, scope: str = "") -> None:
    """Write the set `roles`: rows as `code label`."""
    listed = "".join("  - {{code: {}, label: {}}}\n".format(*row.split()) for row in rows)
    head = f"scope: {{{scope}}}\n" if scope else ""
    project.write("roles", f"table: roles\nkey: code\nremoved: delete\n{head}rows:\n{listed}")


def live(project: Project) -> list[tuple[str, str]]:
    return project.rows("SELECT code, label FROM roles ORDER BY 1")


def scopes(project: Project) -> list[tuple[str, str, str]]:
    """The ledger's entries: scope, row key, state."""
    return sorted((e["scope"], e["addr"], e["state"]) for e in project.entries("roles"))


def test_a_set_that_drops_its_scope_keeps_what_is_known_of_its_rows(project: Project) -> None:
    project.sql(ROLES + "; CREATE UNIQUE INDEX ON roles (code) WHERE org IS NULL")
    roles(project, "admin A", "guest G", "left L", "mine M", scope="org: null")
    project.init()
    project.sql("DELETE FROM roles WHERE code = 'guest'")
    project.sql("UPDATE roles SET label = 'Mine' WHERE code = 'mine'")
    project.sql("DROP INDEX roles_code_idx; CREATE UNIQUE INDEX ON roles (code)")
    roles(project, "admin A2", "guest G", "mine M2", "new X")
    result = project.init()
    assert result.sets[0].decision.value == "pending"
    result = project.update()
    assert counts(result, "roles") == {
        "update": 1,
        "insert": 1,
        "keep": 1,
        "record": 1,
        "delete": 1,
        "conflicts": 1,
    }
    assert live(project) == [("admin", "A2"), ("mine", "Mine"), ("new", "X")]
    assert scopes(project) == [
        ("", "admin", "a"),
        ("", "guest", "d"),
        ("", "left", "r"),
        ("", "mine", "a"),
        ("", "new", "a"),
    ]
    project.assert_settled()


def test_a_set_that_gets_a_scope_keeps_its_rows_in_it(project: Project) -> None:
    project.sql(ROLES + "; CREATE UNIQUE INDEX ON roles (code) WHERE org IS NULL")
    project.sql("CREATE UNIQUE INDEX ON roles (code)")
    roles(project, "admin A", "guest G", "left L", "theirs T")
    project.init()
    project.sql("UPDATE roles SET org = 7 WHERE code = 'theirs'")
    project.sql("DROP INDEX roles_code_idx1; DELETE FROM roles WHERE code = 'guest'")
    roles(project, "admin A2", "guest G2", scope="org: null")
    result = project.update()
    assert counts(result, "roles") == {"update": 1, "record": 1, "delete": 1}
    assert live(project) == [("admin", "A2"), ("theirs", "T")]
    assert scopes(project) == [
        ("", "theirs", "a"),
        ("org=NULL", "admin", "a"),
        ("org=NULL", "guest", "d"),
        ("org=NULL", "left", "r"),
    ]
    assert "theirs" not in str(result.warnings)
    assert any("roles" in warning and "kept" in warning for warning in result.warnings)
    project.assert_settled()


def test_rows_that_a_migration_takes_to_the_new_scope_are_the_same_rows(project: Project) -> None:
    project.sql(ROLES + "; CREATE UNIQUE INDEX ON roles (tenant, code)")
    roles(project, "admin A", "guest G", scope="tenant: default")
    project.init()
    project.sql("UPDATE roles SET tenant = 'main'")
    roles(project, "admin A2", "guest G", scope="tenant: main")
    assert counts(project.update(), "roles") == {"update": 1}
    assert live(project) == [("admin", "A2"), ("guest", "G")]
    assert scopes(project) == [("tenant='main'", "admin", "a"), ("tenant='main'", "guest", "a")]
    project.assert_settled()


def test_another_scope_with_rows_of_its_own_is_another_set_of_rows(project: Project) -> None:
    project.sql(ROLES + "; CREATE UNIQUE INDEX ON roles (tenant, code)")
    roles(project, "admin A", scope="tenant: default")
    project.init()
    roles(project, "admin A2", scope="tenant: main")
    result = project.update()
    assert counts(result, "roles") == {"insert": 1}
    assert any("roles" in warning and "kept" in warning for warning in result.warnings)
    assert project.rows("SELECT tenant, label FROM roles ORDER BY 1") == [
        ("default", "A"),
        ("main", "A2"),
    ]
    assert scopes(project) == [("tenant='default'", "admin", "a"), ("tenant='main'", "admin", "a")]
    project.assert_settled()
    roles(project, "admin A3", scope="tenant: default")
    assert counts(project.update(), "roles") == {"update": 1}


def test_an_older_image_finds_its_rows_after_a_change_of_scope(project: Project) -> None:
    project.sql(ROLES + "; CREATE UNIQUE INDEX ON roles (code) WHERE org IS NULL")
    project.sql("CREATE UNIQUE INDEX ON roles (code)")
    for label, scope in (("A", "org: null"), ("B", ""), ("C", "org: null"), ("D", "")):
        roles(project, f"admin {label}", scope=scope)
        project.update()
        assert live(project) == [("admin", label)]
        assert len(scopes(project)) == 1
    project.assert_settled()


def test_a_set_that_takes_the_name_of_a_renamed_one_takes_nothing_else_from_it(
    project: Project,
) -> None:
    project.sql(ROLES + "; CREATE UNIQUE INDEX ON roles (code) WHERE org IS NULL")
    project.sql("CREATE UNIQUE INDEX ON roles (tenant, code)")
    roles(project, "admin A", "guest G", scope="org: null")
    project.init()
    text = (project.directory / "seeds/core/roles.yaml").read_text()
    project.write("shared", text.replace("label: A", "label: A2"))
    roles(project, "boss B", scope="tenant: main")
    result = project.update()
    assert (counts(result, "shared"), counts(result, "roles")) == ({"update": 1}, {"insert": 1})
    assert scopes(project) == [
        ("org=NULL", "admin", "a"),
        ("org=NULL", "guest", "a"),
        ("tenant='main'", "boss", "a"),
    ]
    project.assert_settled()
