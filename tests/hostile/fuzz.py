"""A coverage-guided fuzzer for the parsers: `python -m tests.hostile.fuzz yaml -runs=100000`.

libFuzzer by way of atheris. The first argument names a target of `parsers`; the others are
libFuzzer's. It ends with 0, or with 77 and the input that made a parser fail.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["seeder.catalog"]):
    from tests.hostile import parsers


def main() -> None:
    """Fuzz one target until libFuzzer's limits are reached."""
    program, target, *limits = sys.argv
    corpus = Path(tempfile.mkdtemp(prefix="seeder-corpus-"))
    for number, example in enumerate(parsers.EXAMPLES[target]):
        (corpus / str(number)).write_bytes(example)
    atheris.Setup([program, str(corpus), "-max_len=600", *limits], parsers.TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
