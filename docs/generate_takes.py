"""What each command takes, as data that can be read without click: seeder/commands/takes.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

HEAD = '''"""What each command takes, for `mistakes`; `make docs` writes it from the commands."""

from __future__ import annotations

from collections.abc import Mapping

FLAG, VALUE, OPTIONAL = "flag", "value", "optional"
"""An option that takes no value, takes one, or may be followed by one."""

TAKES: Mapping[str, tuple[str, Mapping[str, str], bool]] = {
'''
TAIL = '''}
"""By command, and "" before any: its usage, its options, and whether no words may follow it."""
'''


def takes(group: click.Command, commands: Mapping[str, click.Command]) -> str:
    """The module's text."""
    parts = [HEAD, *_entry("", group, "seeder")]
    for name, command in commands.items():
        parts += _entry(name, command, f"seeder {name}")
    return "".join([*parts, TAIL])


def _entry(name: str, command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path, terminal_width=1000)
    yield f'    "{name}": (\n        "{command.get_usage(context)}",\n        {{\n'
    parameters = command.get_params(context)
    for option in parameters:
        if isinstance(option, click.Option):
            for flag in (*option.opts, *option.secondary_opts):
                if flag.startswith("--"):
                    yield f'            "{flag}": {_kind(option)},\n'
    closed = not any(isinstance(each, click.Argument) or each.required for each in parameters)
    yield f"        }},\n        {closed and bool(name)},\n    ),\n"


def _kind(option: click.Option) -> str:
    if option.is_flag or option.count:
        return "FLAG"
    # An option with a flag_value may stand without a value.
    return "VALUE" if option.flag_value in (None, click.core.UNSET) else "OPTIONAL"
