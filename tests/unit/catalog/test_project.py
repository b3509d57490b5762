from __future__ import annotations

import pytest

from seeder.catalog import read_project
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import Migrations


def toml_problems(project, text):
    with pytest.raises(ConfigurationInvalid) as caught:
        read_project(project.write({"seeder.toml": text}).root)
    return [str(each) for each in caught.value.problems]


@pytest.fixture
def migrated(project):
    return project.write({"migrations/env.py": "", "migrations/versions/1.py": ""})


def test_an_empty_file_is_a_project_without_release_and_migrations(project):
    found = read_project(project.root)
    assert found.release is None
    assert found.migrations == Migrations()
    assert found.migrations.none
    assert found.seeds == project.root / "seeds"


def test_migrations_are_found_where_they_usually_are(migrated):
    assert read_project(migrated.root).migrations.alembic == migrated.root / "migrations"


def test_migrations_can_be_declared_absent(migrated):
    migrated.write({"seeder.toml": "[migrations]\nnone = true\n"})
    assert read_project(migrated.root).migrations.none


def test_all_settings_of_alembic_are_read(migrated):
    migrated.write(
        {
            "seeder.toml": 'release = "1"\n[migrations]\nalembic = "migrations"\nenv = "project"\n'
            'version_table = "v"\nversion_table_schema = "s"\ntarget = "heads"\n'
        }
    )
    found = read_project(migrated.root)
    assert found.release == "1"
    assert found.migrations == Migrations(
        alembic=migrated.root / "migrations",
        project_env=True,
        version_table="v",
        version_table_schema="s",
        target="heads",
    )


def test_a_command_with_globs_is_read(project):
    project.write(
        {"seeder.toml": '[migrations]\ncommand = ["flask", "db"]\ndigest = ["app/**/*.py"]\n'}
    )
    found = read_project(project.root).migrations
    assert found.command == ("flask", "db")
    assert found.command_digest == ("app/**/*.py",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "release = 2026.11",
            'seeder.toml:1: `release` must be text. Quote it: release = "2026.11".',
        ),
        ('release = ""', "seeder.toml:1: `release` must not be empty or padded with blanks."),
        ('relase = "1"', "seeder.toml:1: unknown key `relase` at the top. Did you mean `release`?"),
        (
            '\n[seeds]\npaht = "x"',
            "seeder.toml:3: unknown key `paht` in [seeds]. Did you mean `path`?",
        ),
        ('[seeds]\npath = "../x"', "seeder.toml:2: `../x` is outside of the project directory."),
        ('[seeds]\npath = "/etc"', "seeder.toml:2: `/etc` is outside of the project directory."),
        ('[seeds]\npath = "gone"', "seeder.toml:2: there is no directory `gone`."),
        ('[seeds]\npath = ".x"', "seeder.toml:2: `.x` is a hidden directory."),
        ('seeds = "x"', "seeder.toml:1: `seeds` must be a table."),
        ("[migrations]", "seeder.toml:1: [migrations] does not say how migrations run."),
        (
            '[migrations]\nnone = true\ncommand = ["x"]',
            "seeder.toml:2: [migrations] gives `command` and `none`.",
        ),
        ("[migrations]\nnone = false", "seeder.toml:2: `none` can only be true."),
        (
            '[migrations]\ncommand = "flask db"',
            "seeder.toml:2: `command` must be a list of texts, none of them empty. Such as",
        ),
        ("[migrations]\ncommand = []", "seeder.toml:2: `command` must not be empty. Such as"),
        (
            '[migrations]\ncommand = ["x"]\ndigest = []',
            "seeder.toml:3: `digest` must not be empty. Such as",
        ),
        ('[migrations]\nalembic = "gone"', "seeder.toml:2: there is no directory `gone`."),
        (
            '[migrations]\nalembic = "seeds"',
            "seeder.toml:2: there is no directory `versions` in `seeds`.",
        ),
        (
            '[migrations]\nnone = true\ntarget = "head"',
            "seeder.toml:3: `target` has a meaning only together with `alembic`.",
        ),
        (
            '[migrations]\nnone = true\ndigest = ["x"]',
            "seeder.toml:3: `digest` has a meaning only together with `command`.",
        ),
        (
            '[migrations]\ncommand = ["x"]\ndigest = ["../*"]',
            "seeder.toml:3: `../*` leads out of the project directory.",
        ),
        (
            '[migrations]\nalembic = "m"\nenv = "own"',
            'seeder.toml:3: `env` can only be "project".',
        ),
        (f"release = {'9' * 5000}", "seeder.toml: is not valid TOML: exceeds the limit"),
        ('[seeds]\npath = "a\\u0000b"', "seeder.toml:2: `a\0b` is outside of the project"),
        (f'[seeds]\npath = "{"x" * 5000}"', "seeder.toml:2: there is no directory `xxx"),
        (
            '[migrations]\ncommand = ["x"]\ndigest = ["a/***b"]',
            "seeder.toml:3: `a/***b` is not a glob.",
        ),
        ("release = ", "seeder.toml:1: is not valid TOML: invalid value."),
        ('a = "\nb = 1', "seeder.toml:1:6: is not valid TOML: illegal character"),
        ("a = 1\na = 2", "seeder.toml:2: is not valid TOML: cannot overwrite a value."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(project, text, problem):
    project.write({"seeds/core/.keep": "", "m/versions/.keep": ""})
    found = toml_problems(project, text)
    assert any(each.startswith(problem) for each in found), found


def test_all_problems_are_reported_together(project):
    assert len(toml_problems(project, "release = 1\n[migrations]\nnone = 1\nx = 1\n")) == 3


def test_a_byte_order_mark_is_named(project):
    project.root.joinpath("seeder.toml").write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(ConfigurationInvalid) as caught:
        read_project(project.root)
    assert str(caught.value.problems[0]).startswith("seeder.toml:1:1: starts with a byte order")


def test_a_missing_file_says_how_to_start(tmp_path):
    with pytest.raises(ConfigurationInvalid) as caught:
        read_project(tmp_path)
    assert "`seeder init DIR` starts a project." in str(caught.value.problems[0])


def test_the_directory_around_a_project_says_where_it_is(tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "seeder.toml").write_text("")
    with pytest.raises(ConfigurationInvalid) as caught:
        read_project(tmp_path)
    assert "There is one in db/: point --project" in str(caught.value.problems[0])


def test_a_missing_directory_is_a_problem(tmp_path):
    with pytest.raises(ConfigurationInvalid) as caught:
        read_project(tmp_path / "gone")
    assert "there is no project directory" in str(caught.value.problems[0])


def test_a_link_out_of_the_project_is_refused(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (project.root / "linked").symlink_to(outside)
    found = toml_problems(project, '[seeds]\npath = "linked"')
    assert found[0].startswith("seeder.toml:2: `linked` is outside of the project directory.")
