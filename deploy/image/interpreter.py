"""Copy the running Python to a directory where it needs nothing else, not even a C library.

    python3 interpreter.py /opt/seeder --patchelf PROGRAM --packages DIR

The result runs on every Linux image of its architecture: an application's image with another
Python or an older Debian, Alpine, or nothing at all (`FROM scratch`). It holds

    bin/python3             the program; it names lib/ as the place of its loader and libraries
    lib/python3.X/          the standard library, without what a job has no use for
    lib/*.so*               the dynamic loader, glibc, and every library that the program, the
                            standard library or a package in DIR needs
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"

LEFT_OUT = (
    # packages
    "__phello__",
    "__pycache__",
    "_pyrepl",
    "config-*",
    "curses",
    "dbm",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "sqlite3",
    "test",
    "tkinter",
    "turtledemo",
    "venv",
    # modules
    "EXTERNALLY-MANAGED",
    "antigravity.py",
    "pydoc.py",
    "sitecustomize.py",
    "turtle.py",
    # extension modules, and with them the libraries that only they need
    "_codecs_[chijkt]*",
    "_ctypes_test*",
    "_curses*",
    "_dbm*",
    "_gdbm*",
    "_multibytecodec*",
    "_sqlite3*",
    "_test*",
    "_tkinter*",
    "_xxtest*",
    "readline*",
    "xxlimited*",
    "xxsubtype*",
)

ASSUMED = (
    # name service: opened by glibc at run time, so that no file names them
    "libnss_dns.so.2",
    "libnss_files.so.2",
    # what wheels may take for granted, for packages that somebody adds
    "libdl.so.2",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
)
"""Libraries beside libc that are copied though nothing in the image names them."""


def main() -> None:
    """Read the arguments and do the three steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--patchelf", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True)
    options = parser.parse_args()
    copy_interpreter(options.target)
    copy_libraries(options.target, packages=options.packages)
    make_independent(options.target, patchelf=options.patchelf)


def copy_interpreter(target: Path) -> None:
    """Copy the program and the standard library."""
    program = target / "bin" / "python3"
    program.parent.mkdir(parents=True)
    shutil.copyfile(Path(sys.executable).resolve(), program)
    program.chmod(0o755)

    library = target / "lib" / VERSION
    ignore = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=ignore)
    (library / "site-packages").mkdir()
    # Debian's own Python looks for packages under another name.
    (library / "dist-packages").symlink_to("site-packages")


def copy_libraries(target: Path, *, packages: Path) -> None:
    """Copy every shared library from elsewhere that a file of the two trees needs."""
    files = sorted([*target.rglob("*"), *packages.rglob("*")])
    elves = [file for file in files if file.is_file() and not file.is_symlink() and _is_elf(file)]
    found = _libraries_of(elves)
    needed = {name: path for name, path in found if not path.is_relative_to(packages)}
    system = needed["libc.so.6"].parent
    needed |= {name: system / name for name in ASSUMED if (system / name).exists()}
    for name, source in needed.items():
        shutil.copy2(source.resolve(), target / "lib" / name)


def make_independent(target: Path, *, patchelf: Path) -> None:
    """Copy the loader, and have the program use it and the copied libraries."""
    program = target / "bin" / "python3"
    loader = Path(_output(patchelf, "--print-interpreter", program).strip())
    own_loader = target / "lib" / loader.name
    shutil.copy2(loader.resolve(), own_loader)
    _run(patchelf, "--set-interpreter", own_loader, program)
    # RPATH rather than RUNPATH: it also holds for what extension modules need in their turn.
    _run(patchelf, "--force-rpath", "--set-rpath", target / "lib", program)


def _libraries_of(files: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """All libraries, direct and indirect: the name under which they are asked for, the place."""
    # One call for all, which counts where it is emulated. ldd exits 1 where a file is not
    # dynamic, such as the loader itself: nothing needed then.
    text = subprocess.run(
        ["ldd", *files],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LANG": "C"},
    ).stdout
    file = ""
    for line in text.splitlines():
        if not line.startswith(("\t", " ")):
            file = line.removesuffix(":")
        elif needs := re.match(r"\s+(\S+) => (/\S+|not found)", line):
            name, place = needs.groups()
            if place == "not found":
                sys.exit(f"{file} needs {name}, found nowhere")
            yield name, Path(place)


def _is_elf(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)


def _output(*command: object) -> str:
    return subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, text=True
    ).stdout


main()
