"""argv and environment in, exit code out."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from seeder.command_line.deploy import deploy, flags_of
from seeder.command_line.invocation import Invocation
from seeder.runtime.signals import interruptible

TERMINATION_LOG = Path("/dev/termination-log")
"""Where Kubernetes looks for a container's last words."""


def main(
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    termination_log: Path = TERMINATION_LOG,
    alone: bool = False,
) -> int:
    """Run one command and return its exit code; every failure ends here, none escapes.

    `alone`: the process has nothing else to do, and nobody else's output is to be among ours.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["seeder"]:
        # `docker run IMAGE seeder run`, where the image's entry point is seeder already.
        del arguments[0]
    variables = os.environ if environ is None else environ
    instruction = variables.get("_SEEDER_COMPLETE")
    invocation = Invocation(
        environ=variables,
        stdout=_open(sys.stdout),
        stderr=_open(sys.stderr),
        termination_log=termination_log,
        alone=alone,
    )
    if instruction is not None:
        from seeder.command_line import completion, group

        return completion.answer(group.seeder, invocation, instruction)
    with interruptible() as interruption:
        try:
            try:
                _invoke(arguments, invocation)
            except Exception as error:  # noqa: BLE001 - the one place where all of them end
                interruption.close()
                return invocation.fail(error)
        except (KeyboardInterrupt, SystemExit) as error:
            # Around the other, since a signal may come while a failure is being told. And
            # sys.exit() in a migration must not pass for success.
            return invocation.fail(error)
        finally:
            invocation.end()
    return invocation.exit_code


def _open(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by the caller: `seeder run >&-`
        return io.StringIO()
    if isinstance(stream, io.TextIOWrapper):
        # A key with an umlaut must not fail a finished run where the locale is not UTF-8.
        stream.reconfigure(errors="backslashreplace")
    return stream


def _invoke(arguments: list[str], invocation: Invocation) -> None:
    given = flags_of(arguments)
    if given is not None:
        deploy(invocation, given)
        return
    # Imported here, for everything but a plain deploy.
    from seeder.command_line import group

    group.invoke(arguments, invocation)
