"""`seeder schema`: the JSON Schema of a seed file."""

from __future__ import annotations

import click

from seeder.commands import flags
from seeder.commands.invocation import Invocation


@click.command("schema", short_help="Print the JSON Schema of a seed file, for editors.")
@flags.LOG_FORMAT
@click.pass_obj
def command(invocation: Invocation, /, **given: object) -> None:
    """Print the JSON Schema (2020-12) of a seed file.

    Save it beside seeder.toml and name it in the first line of a seed file, and editors that
    speak the YAML language server complete keys and mark mistakes while you write. `seeder
    init` has done both; after an upgrade of seeder, save it anew. The tags !env, !file,
    !json, !now and !uuid are named to such an editor in its setting `yaml.customTags`.

    \b
    Example:
      seeder schema > db/seeds.schema.json

    \b
    The first line of db/seeds/core/roles.yaml:
      # yaml-language-server: $schema=../../seeds.schema.json
    """
    invocation.open("schema", given, database_required=False)
    # Imported here, as in `run`.
    import json

    from seeder.catalog.json_schema import json_schema

    invocation.print(json.dumps(json_schema(), indent=2) + "\n")
