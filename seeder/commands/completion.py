"""`seeder completion SHELL`: what a shell needs to complete commands; see docs/completion.md."""

from __future__ import annotations

import click

from seeder.command_line.invocation import Invocation


@click.command("completion", short_help="Print what a shell needs to complete commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, /, *, shell: str) -> None:
    """Print the function by which SHELL completes the commands and options of seeder.

    docs/completion.md says where it goes.

    \b
    Example:
      eval "$(seeder completion bash)"
    """
    from click.shell_completion import get_completion_class

    root = context.find_root()
    found = get_completion_class(shell)
    if found is not None:
        source = found(root.command, {}, "seeder", "_SEEDER_COMPLETE").source()
        context.find_object(Invocation).print(f"{source}\n")  # type: ignore[union-attr]  # see cli
