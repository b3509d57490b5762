from __future__ import annotations

import os

import pytest

SET = "table: t\nkey: k\nrows: [{k: a}]\n"


def test_a_project_without_seeds_is_empty_and_says_so(project):
    loaded = project.load()
    assert (loaded.sets, loaded.tasks) == ((), ())
    assert loaded.warnings == ("seeder.toml: there are no seeds below `seeds/`",)


def test_the_seeds_may_lie_elsewhere(project):
    project.write({"seeder.toml": '[seeds]\npath = "data/seeds"\n', "data/seeds/core/t.yaml": SET})
    assert [each.file for each in project.load().sets] == ["data/seeds/core/t.yaml"]


def test_files_come_in_the_order_of_their_paths(project):
    names = {"b": "core/010_b", "c": "core/020/c", "a": "core/030_a", "d": "dev/000_d"}
    project.write(
        {f"seeds/{path}.yaml": SET.replace("table: t", f"table: {n}") for n, path in names.items()}
    )
    assert [each.name for each in project.load("dev").sets] == ["b", "c", "a", "d"]


def test_dev_sets_are_active_in_disposable_environments_only(project):
    project.write({"seeds/dev/t.yaml": SET})
    assert [each.name for each in project.load("dev").sets] == ["t"]
    assert [each.name for each in project.load("test").sets] == ["t"]
    loaded = project.load("production")
    assert loaded.sets == ()
    assert [each.name for each in loaded.inactive] == ["t"]
    assert loaded.inactive[0].environments == {"dev", "test"}


def test_dev_sets_may_name_one_of_the_disposable_environments(project):
    project.write({"seeds/dev/t.yaml": SET + "environments: test\n"})
    assert project.load("dev").sets == ()
    assert [each.name for each in project.load("test").sets] == ["t"]


def test_dev_sets_cannot_name_a_protected_environment(project):
    project.write({"seeds/dev/t.yaml": SET + "environments: [dev, staging]\n"})
    assert project.problem().startswith(
        "seeds/dev/t.yaml:1:1: sets below `dev` are for disposable environments only: dev and test."
    )


def test_notes_and_hidden_files_may_lie_anywhere(project):
    project.write(
        {
            "seeds/README.md": "",
            "seeds/core/README": "",
            "seeds/core/notes.md": "",
            "seeds/core/.t.yaml.swp": "",
            "seeds/.DS_Store": b"\0",
            "seeds/core/__init__.py": "",
            "seeds/core/t.yaml": SET,
        }
    )
    assert len(project.load().sets) == 1


def test_data_beside_a_python_seeder_may_be_its_own(project):
    body = (
        "from pathlib import Path\nfrom seeder import rows\n@rows(table='t', key='k')\n"
        "def f(c):\n    yield {'k': (Path(__file__).parent / 'd' / 'x.csv').read_text()}\n"
    )
    project.write({"seeds/core/t.py": body, "seeds/core/d/x.csv": "a"})
    assert project.keys("f") == ["a"]


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("seeds/t.yaml", "seeds/t.yaml: is in no directory of seeds. Move it to seeds/core,"),
        ("seeds/cor/t.yaml", "seeds/cor: `cor` is not a directory of seeds. Did you mean `core`?"),
        ("seeds/prod/t.yaml", "seeds/prod: `prod` is not a directory of seeds. Seeds are in core"),
        ("seeds/core/t.yaml.bak", "t.yaml.bak: no seed set uses this file."),
        ("seeds/core/d.csv", "d.csv: no seed set uses this file. Name it in `rows_from:`"),
        ("seeds/core/x.sql", "x.sql: SQL does not belong here. Move it to update, as a task."),
        ("seeds/update/t.yaml", "seeds/update/t.yaml: rows do not belong into `update`, which"),
        ("seeds/update/x.sh", "seeds/update/x.sh: no seed set uses this file."),
        ("seeds/core/list.json", "list.json:1:1: is not valid JSON: a value expected."),
    ],
)
def test_a_file_that_is_out_of_place_is_a_problem(project, file, problem):
    assert project.write({file: SET}).problem().startswith(problem)


def test_a_link_out_of_the_project_is_refused_unread(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "t.yaml"
    outside.write_text(SET)
    (project.root / "seeds/core").mkdir(parents=True)
    (project.root / "seeds/core/t.yaml").symlink_to(outside)
    assert project.problem() == "t.yaml: is a link that leads out of the project. Copy it."


def test_a_link_to_nowhere_is_a_problem(project):
    (project.root / "seeds/core").mkdir(parents=True)
    (project.root / "seeds/core/t.yaml").symlink_to(project.root / "gone.yaml")
    assert project.problem() == "t.yaml: cannot be read: there is no such file."


def test_a_pipe_is_not_waited_for(project):
    (project.root / "seeds/core").mkdir(parents=True)
    os.mkfifo(project.root / "seeds/core/t.yaml")
    assert project.problem() == "t.yaml: cannot be read: it is not a regular file."


def test_an_unreadable_file_names_the_reason(project, request):
    project.core(t=SET)
    (project.root / "seeds/core/t.yaml").chmod(0)
    request.getfixturevalue("ordinary_user")
    assert project.problem() == "t.yaml: cannot be read: permission denied."


def test_a_file_beyond_the_limit_points_to_csv(project, monkeypatch):
    monkeypatch.setattr("seeder.catalog.formats.files.TEXT_LIMIT", 10)
    assert project.core(t=SET).problems()[0].endswith("and name it in `rows_from:`.")


def test_release_environment_and_migrations_are_part_of_the_catalog(project):
    project.write({"seeder.toml": 'release = "1"\n', "migrations/versions/a.py": ""}).core(t=SET)
    loaded = project.load("staging")
    assert (loaded.release, loaded.environment) == ("1", "staging")
    assert loaded.migrations.alembic == project.root / "migrations"
    assert loaded.project == project.root
    assert len(loaded.digest) == 64


def test_problems_of_seeder_toml_and_of_seeds_come_together(project):
    project.write({"seeder.toml": "release = 1\n"}).core(t="table: t\nkey: k\n")
    assert [each.split(":")[0] for each in project.problems()] == ["seeder.toml", "t.yaml"]


POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
IS_A_POINTER = "is a pointer of Git LFS, not the file that it stands for"
FETCH = "Fetch the files where the image is built: `git lfs pull`."


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("seeds/core/terms.txt", "rows: [{k: a, v: !file terms.txt}]"),
        ("seeds/core/rows.csv", "rows_from: rows.csv"),
        ("seeds/core/rows.json", "rows_from: rows.json"),
        ("seeds/core/t.yaml", None),
        ("seeds/update/1_fill.sql", "rows: [{k: a}]"),
        ("seeds/update/2_fill.py", "rows: [{k: a}]"),
    ],
)
def test_a_pointer_of_git_lfs_is_no_content(project, name, seed):
    if seed is not None:
        project.core(t=f"table: t\nkey: k\n{seed}\n")
    project.write({"seeder.toml": 'release = "2"\n', name: POINTER})
    (found,) = [each for each in project.problems() if IS_A_POINTER in each]
    assert found.endswith(FETCH)
    file = name.removeprefix("seeds/core/")
    assert found.startswith((f"{file}:1", "t.yaml:3")), found


def test_line_breaks_of_windows_are_those_of_any_other_checkout(project):
    files = {
        "seeder.toml": 'release = "2"\n',
        "seeds/core/t.yaml": "table: t\nkey: k\nrows: [{k: a, v: !file terms.txt}]\n",
        "seeds/core/u.yaml": "table: u\nkey: k\nrows_from: u.csv\n",
        "seeds/core/terms.txt": "one\ntwo\n",
        "seeds/core/u.csv": 'k,v\na,"one\ntwo"\nb,c\n',
        "seeds/update/2_fill.sql": "UPDATE t\nSET v = 'one\ntwo';\n",
    }

    def read():
        loaded = project.load()
        rows = {each.name: [row.values for row in each.rows] for each in loaded.sets}
        return rows, [(task.sql, task.digest) for task in loaded.tasks]

    project.write(files)
    before = read()
    project.write({name: text.replace("\n", "\r\n").encode() for name, text in files.items()})
    assert read() == before
    assert before[0] == {"t": [("a", "one\ntwo")], "u": [("a", "one\ntwo"), ("b", "c")]}
