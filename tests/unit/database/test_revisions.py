"""The revision graph: what is read, and every way in which it can be broken."""

from __future__ import annotations

import sys

import pytest

from seeder.database.migrations.revisions import RevisionGraph, read_graph
from seeder.errors import MigrationsInvalid
from seeder.merge.model import Migrations
from tests.support.revisions import Scripts


def problems_of(scripts: Scripts, **settings: object) -> list[str]:
    with pytest.raises(MigrationsInvalid) as caught:
        read_graph(scripts.migrations(**settings))
    assert caught.value.exit_code == 14
    return [str(problem) for problem in caught.value.problems]


def test_a_chain_is_read_in_the_order_in_which_it_runs(scripts: Scripts) -> None:
    scripts.add("zz_first")
    scripts.add("b_second")
    scripts.add("a_third")
    graph = read_graph(scripts.migrations())
    assert list(graph.revisions) == ["zz_first", "b_second", "a_third"]
    assert graph.revisions["a_third"] == ("b_second",)
    assert graph.heads == ("a_third",)
    assert graph.files["a_third"] == "migrations/versions/a_third.py"
    assert graph.pending(["zz_first"]) == ("b_second", "a_third")
    assert graph.ancestors(["b_second"]) == {"zz_first", "b_second"}


def test_no_migrations_are_an_empty_graph() -> None:
    assert read_graph(Migrations()) == RevisionGraph(revisions={})


def test_a_merge_has_one_head(scripts: Scripts) -> None:
    scripts.add("base")
    scripts.add("left", down="base")
    scripts.add("right", down="base")
    scripts.add("merged", down=("left", "right"))
    assert read_graph(scripts.migrations()).heads == ("merged",)


def test_dependencies_may_be_labels_or_beginnings(scripts: Scripts) -> None:
    scripts.add("1234567890", extra="branch_labels = ('core',)")
    scripts.add("by_label", down=None, extra="depends_on = 'core'")
    scripts.add("by_start", down=None, extra="depends_on = ['1234']")
    graph = read_graph(scripts.migrations(target="heads"))
    assert graph.revisions["by_label"] == graph.revisions["by_start"] == ("1234567890",)


def test_several_heads_are_refused_unless_they_are_the_target(scripts: Scripts) -> None:
    scripts.add("base")
    scripts.add("left", down="base")
    scripts.add("right", down="base")
    found = problems_of(scripts)
    assert len(found) == 2
    assert "versions/left.py: Revision left is one of 2 heads." in found[0]
    assert set(read_graph(scripts.migrations(target="heads")).heads) == {"left", "right"}


def test_all_problems_are_reported_together(scripts: Scripts) -> None:
    scripts.add("base")
    scripts.add("orphan", down="gone", extra="depends_on = 'nowhere'")
    (scripts.directory / "versions" / "copy.py").write_text("revision = 'base'\n")
    (scripts.directory / "versions" / "notes.py").write_text("x = 1\n")
    (scripts.directory / "versions" / "broken.py").write_text("revision = 'b'\n\ndef (:\n")
    (scripts.directory / "versions" / "imports.py").write_text("\nimport no_such_module\n")
    (scripts.directory / "versions" / "raises.py").write_text("\n\n1 / 0\n")
    (scripts.directory / "versions" / "exits.py").write_text("raise SystemExit(3)\n")
    text = "\n".join(problems_of(scripts))
    for expected in (
        "builds on gone, which does not exist",
        "depends on nowhere, which does not exist",
        "copy.py: Revision base is also in",
        "notes.py: The file has no `revision`",
        "broken.py:3: The revision does not load: SyntaxError: invalid syntax",
        "imports.py:2: The revision does not load: it cannot import no_such_module",
        "raises.py:3: The revision does not load: ZeroDivisionError",
        "exits.py:1: The revision does not load: SystemExit",
    ):
        assert expected in text.replace(
            "base.py: Revision base is also in", "copy.py: Revision base is also in"
        )


def test_a_circle_is_refused(scripts: Scripts) -> None:
    scripts.add("one", down="two")
    scripts.add("two", down="one")
    assert any("in a circle" in text for text in problems_of(scripts))


def test_a_missing_directory_is_refused(scripts: Scripts) -> None:
    (scripts.directory / "versions").rmdir()
    assert "No such directory" in problems_of(scripts)[0]


def test_revisions_may_import_modules_of_the_project(scripts: Scripts) -> None:
    (scripts.project / "project_names.py").write_text("NAME = 'from_project'\n")
    scripts.add("base", extra="from project_names import NAME as branch_labels")
    before = list(sys.path)
    assert read_graph(scripts.migrations()).heads == ("base",)
    assert sys.path == before


def test_a_revision_that_cannot_be_imported_is_one_problem_however_many_import_it(
    scripts: Scripts,
) -> None:
    scripts.add("0001")
    for name in ("0002", "0003", "0004"):
        scripts.add(name, extra="import sqlmodel_is_not_here")
    scripts.add("0005")
    (problem,) = problems_of(scripts)
    assert problem.startswith(
        "migrations/versions/0002.py:5: The revision does not load: it cannot import"
        " sqlmodel_is_not_here. 2 more revision(s) import it too. Install the package that has"
        " sqlmodel_is_not_here in the job's environment"
    )


def test_a_folder_of_the_project_never_hides_what_is_installed(scripts: Scripts) -> None:
    (scripts.project / "msgspec").mkdir()
    (scripts.project / "msgspec/__init__.py").write_text("raise ValueError('not this one')\n")
    (scripts.project / "shop_models.py").write_text("NAME = 'roles'\n")
    (scripts.project / "alembic.ini").write_text("[alembic]\nprepend_sys_path = .\n")
    sys.modules.pop("colorsys", None)
    (scripts.project / "colorsys.py").write_text("raise ValueError('nor this one')\n")
    scripts.add("0001", extra="import colorsys\nfrom shop_models import NAME\nimport msgspec.json")
    assert read_graph(scripts.migrations()).heads == ("0001",)


def test_revisions_are_where_the_configuration_says(scripts: Scripts) -> None:
    scripts.add("0001")
    more = scripts.project / "more"
    more.mkdir()
    (more / "0002.py").write_text("revision = '0002'\ndown_revision = '0001'\n")
    (scripts.project / "alembic.ini").write_text(
        "[alembic]\npath_separator = os\nversion_locations = %(here)s/migrations/versions:more\n"
    )
    assert read_graph(scripts.migrations()).heads == ("0002",)
