"""seeder.toml: where migrations and seeds are, and the release they belong to.

Only the standard library: the fingerprint of an unchanged deploy passes here.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seeder.catalog.formats.files import Located, Unreadable, is_inside, read_text
from seeder.catalog.formats.problems import Problems, listed
from seeder.merge.given import Migrations

FILE = "seeder.toml"

EXPAND_LIMIT = 1_000_000
"""Rows that `expand` may make of one set, unless seeder.toml says otherwise."""

TOP_KEYS = ("identity", "release", "supersedes", "migrations", "seeds")
IDENTITY = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
SEEDS_KEYS = ("path", "expand_limit")
MIGRATION_KEYS = (
    "alembic",
    "command",
    "none",
    "env",
    "config",
    "section",
    "options",
    "import",
    "flask",
    "digest",
    "version_table",
    "version_table_schema",
    "target",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project directory and what its seeder.toml says."""

    root: Path
    """Absolute."""
    identity: str | None
    """Which project it is, wherever its files are; None: seeder.toml does not say."""
    release: str | None
    supersedes: tuple[str, ...]
    """Releases that this one builds on, where their names do not tell."""
    migrations: Migrations
    seeds: Path
    """Absolute; may be missing where seeder.toml does not name it."""
    expand_limit: int = EXPAND_LIMIT

    def name(self, path: Path) -> str:
        """The path relative to the project, with forward slashes."""
        return path.relative_to(self.root).as_posix()


def identity_for(root: Path, digits: str) -> str:
    """A word for a new project: what its directory is called, and eight digits of a draw.

    >>> identity_for(Path("/srv/My Shop/db"), "3f9c21ab66")
    'my-shop-3f9c21ab'
    """
    name = root.parent.name if root.name == "db" else root.name
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return f"{word or 'project'}-{digits[:8]}"


def read_project(project: Path) -> Project:
    """Read seeder.toml; `ConfigurationInvalid` names everything that is wrong in it."""
    problems = Problems()
    found = parse_project(project, problems)
    if found is None or len(problems):
        problems.raise_if_any(FILE)
        raise AssertionError("a project that cannot be read has a problem")
    return found


def parse_project(project: Path, problems: Problems) -> Project | None:
    """Read seeder.toml into a Project; None when it cannot be read at all."""
    root = project.absolute()
    if not root.is_dir():
        problems.add(
            f"there is no project directory {project}",
            remedy="Point --project or SEEDER_PROJECT at the directory with seeder.toml.",
        )
        return None
    if not (root / FILE).exists():
        problems.add(
            "there is no such file in the project directory",
            remedy=_elsewhere(root) or "`seeder init DIR` starts a project.",
            file=FILE,
        )
        return None
    try:
        text = read_text(root / FILE)
        document = tomllib.loads(text)
    except Unreadable as error:
        problems.add(error.message, remedy=error.remedy, file=FILE, at=error.at)
        return None
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        problems.add(_toml_message(error), file=FILE, at=_toml_place(error, text))
        return None
    return _Reader(root, text, problems).project(document)


def _elsewhere(root: Path) -> str | None:
    """Where the project is, if somebody has named the directory around it."""
    below = sorted(found.parent.name for found in root.glob(f"*/{FILE}"))
    if not below:
        return None
    return f"There is one in {below[0]}/: point --project or SEEDER_PROJECT there."


class _Reader:
    def __init__(self, root: Path, text: str, problems: Problems) -> None:
        self._root = root
        self._text = text
        self._problems = problems

    def project(self, document: Mapping[str, object]) -> Project:
        self._known("", document, TOP_KEYS)
        seeds = self._table(document, "seeds")
        self._known("seeds", seeds, SEEDS_KEYS)
        return Project(
            root=self._root,
            identity=self._identity(document),
            release=self._release(document),
            supersedes=self._supersedes(document),
            migrations=self._migrations(document),
            seeds=self._directory("seeds", "path", seeds.get("path", "seeds"), "path" in seeds)
            or self._root / "seeds",
            expand_limit=self._expand_limit(seeds),
        )

    def _expand_limit(self, seeds: Mapping[str, object]) -> int:
        limit = seeds.get("expand_limit", EXPAND_LIMIT)
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            return limit
        self._bad(
            "seeds",
            "expand_limit",
            "`expand_limit` must be a number of rows",
            "Such as 20_000_000.",
        )
        return EXPAND_LIMIT

    def _identity(self, document: Mapping[str, object]) -> str | None:
        identity = document.get("identity")
        if identity is None:
            return None
        if isinstance(identity, str) and re.fullmatch(IDENTITY, identity):
            return identity
        self._bad(
            "",
            "identity",
            "`identity` must be a word of up to 63 letters, digits, dots, dashes and underscores",
            'Such as identity = "shop-3f9c21ab".',
        )
        return None

    def _supersedes(self, document: Mapping[str, object]) -> tuple[str, ...]:
        given = document.get("supersedes", [])
        right = isinstance(given, list) and all(isinstance(v, str) and v.strip() for v in given)
        if right and (not given or "release" in document):
            return tuple(given)  # type: ignore[arg-type]  # a list of texts
        self._bad(
            "",
            "supersedes",
            "`supersedes` needs a `release` of which it tells what it builds on"
            if right
            else "`supersedes` must be a list of releases",
            'Such as release = "2026.9.1" and supersedes = ["2026.9"].',
        )
        return ()

    def _release(self, document: Mapping[str, object]) -> str | None:
        release = document.get("release")
        if release is None:
            return None
        if isinstance(release, str):
            if release.strip() and release == release.strip():
                return release
            self._bad("", "release", "`release` must not be empty or padded with blanks")
        else:
            written = self._written("release")
            self._bad(
                "",
                "release",
                "`release` must be text",
                f'Quote it: release = "{written}".' if written else "Quote it.",
            )
        return None

    def _migrations(self, document: Mapping[str, object]) -> Migrations:
        if "migrations" not in document:
            default = self._root / "migrations"
            if not (default / "versions").is_dir():
                return Migrations()
            if not is_inside(self._root, default):
                self._bad("", "migrations", "`migrations/` is a link out of the project")
            return Migrations(alembic=default)
        table = self._table(document, "migrations")
        self._known("migrations", table, MIGRATION_KEYS)
        ways = [way for way in ("alembic", "command", "none") if way in table]
        if len(ways) != 1:
            self._bad(
                "migrations",
                ways[1] if ways else "",
                f"[migrations] gives {listed(ways).replace(' or ', ' and ')}"
                if ways
                else "[migrations] does not say how migrations run",
                "Give exactly one of `alembic`, `command` and `none`.",
            )
        if table.get("none", True) is not True:
            self._bad("migrations", "none", "`none` can only be true", "Leave it out.")
        self._belongs(table, "digest", "command")
        for key in MIGRATION_KEYS[3:]:
            if key != "digest":
                self._belongs(table, key, "alembic")
        env = table.get("env")
        if "flask" in table and env != "project":
            self._bad("migrations", "flask", '`flask` has a meaning only with `env = "project"`')
        if env not in (None, "project"):
            self._bad("migrations", "env", '`env` can only be "project"', "Or leave it out.")
        target = self._string(table, "target") or "head"
        alembic = None
        if "alembic" in table:
            alembic = self._directory("migrations", "alembic", table["alembic"], True)
            if alembic is not None and not (alembic / "versions").is_dir():
                self._bad(
                    "migrations",
                    "alembic",
                    f"there is no directory `versions` in `{table['alembic']}`",
                    "Name the Alembic script directory, the one that holds env.py.",
                )
        return Migrations(
            alembic=alembic,
            command=self._strings(table, "command"),
            command_digest=self._globs(table),
            project_env=env == "project",
            config=self._config(table),
            section=self._string(table, "section"),
            options=self._options(table),
            imports=self._strings(table, "import") or (),
            flask=self._string(table, "flask"),
            version_table=self._string(table, "version_table") or "alembic_version",
            version_table_schema=self._string(table, "version_table_schema"),
            target=target,
        )

    def _config(self, table: Mapping[str, object]) -> Path | None:
        """Alembic's own file may be above the project: it is often the repository's."""
        written = self._string(table, "config")
        if written is None:
            return None
        if not (self._root / written).is_file():
            self._bad("migrations", "config", f"there is no file `{written}`")
            return None
        return Path(os.path.normpath(self._root / written))

    def _options(self, table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        options = table.get("options", {})
        if isinstance(options, dict) and all(isinstance(each, str) for each in options.values()):
            return tuple(options.items())
        self._bad("migrations", "options", "`options` must hold texts", 'Such as {tenant = "a"}.')
        return ()

    def _belongs(self, table: Mapping[str, object], key: str, way: str) -> None:
        if key in table and way not in table:
            self._bad("migrations", key, f"`{key}` has a meaning only together with `{way}`")

    def _directory(self, table: str, key: str, value: object, must_exist: bool) -> Path | None:
        if not isinstance(value, str) or not value.strip():
            self._bad(table, key, f"`{key}` must be the name of a directory")
            return None
        pure = PurePosixPath(value)
        path = self._root / pure
        if pure.is_absolute() or ".." in pure.parts or not is_inside(self._root, path):
            self._bad(
                table,
                key,
                f"`{value}` is outside of the project directory",
                "Put seeder.toml into a directory that holds seeds and migrations.",
            )
            return None
        if any(part.startswith(".") for part in pure.parts):
            self._bad(table, key, f"`{value}` is a hidden directory", "Rename it.")
            return None
        if not os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises for a long name
            if must_exist:
                self._bad(table, key, f"there is no directory `{value}`")
                return None
            if os.path.lexists(path):
                self._problems.add(f"`{value}` is not a directory", file=value)
        return path

    def _globs(self, table: Mapping[str, object]) -> tuple[str, ...]:
        globs = self._strings(table, "digest") or ()
        for glob in globs:
            pure = PurePosixPath(glob)
            if pure.is_absolute() or ".." in pure.parts:
                self._bad("migrations", "digest", f"`{glob}` leads out of the project directory")
                continue
            try:
                next(self._root.glob(glob), None)
            except (ValueError, NotImplementedError, OSError):
                self._bad("migrations", "digest", f"`{glob}` is not a glob", "Such as app/**/*.py.")
        return globs

    def _string(self, table: Mapping[str, object], key: str) -> str | None:
        value = table.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self._bad("migrations", key, f"`{key}` must be text, and not empty")
        return None

    def _strings(self, table: Mapping[str, object], key: str) -> tuple[str, ...] | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, list) and value and all(isinstance(v, str) and v for v in value):
            return tuple(value)
        example = {"command": '["flask", "db", "upgrade"]', "import": '["geoalchemy2"]'}.get(
            key, '["app/**/*.py"]'
        )
        wrong = (
            "must not be empty" if value == [] else "must be a list of texts, none of them empty"
        )
        self._bad("migrations", key, f"`{key}` {wrong}", f"Such as {example}.")
        return None

    def _table(self, document: Mapping[str, object], name: str) -> Mapping[str, object]:
        value = document.get(name, {})
        if isinstance(value, dict):
            return value
        self._bad("", name, f"`{name}` must be a table", f"Write a line [{name}] above its keys.")
        return {}

    def _known(self, table: str, given: Mapping[str, object], known: tuple[str, ...]) -> None:
        for key in given:
            if key not in known:
                where = f"in [{table}]" if table else "at the top"
                remedy = self._problems.suggest(
                    key, known, otherwise=f"Known {where}: {', '.join(known)}."
                )
                self._bad(table, key, f"unknown key `{key}` {where}", remedy)

    def _bad(self, table: str, key: str, message: str, remedy: str | None = None) -> None:
        at = self._line(table, key)
        self._problems.add(message, remedy=remedy, file=FILE, at=Located(line=at))

    def _line(self, table: str, key: str) -> int | None:
        """Where a key stands; tomllib tells positions of syntax errors only."""
        current = ""
        header_at = None
        for number, line in enumerate(self._text.splitlines(), start=1):
            header = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line)
            if header:
                current = header.group(1)
                if current == table or (not table and current.split(".")[0] == key):
                    header_at = header_at or number
            elif current == table and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*[.=]""", line):
                return number
        return header_at

    def _written(self, key: str) -> str | None:
        match = re.search(rf"^\s*{key}\s*=\s*([^#\s]+)", self._text, re.MULTILINE)
        return match.group(1) if match else None


def _toml_message(error: Exception) -> str:
    text = re.sub(r" \(at (line|end).*\)$", "", str(error))
    return f"is not valid TOML: {text[:1].lower()}{text[1:]}"


def _toml_place(error: Exception, text: str) -> Located:
    match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    if match is None:
        return (
            Located(line=len(text.splitlines())) if "end of document" in str(error) else Located()
        )
    return Located(line=int(match.group(1)), column=int(match.group(2)))
