"""`trading config init|show|explain|validate|schema`: the settings."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trading_cli.cli.answer import Answer, Facts
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.callback()
def config() -> None:
    """Create, show, explain and validate the settings."""


@app.command(cls=Command)
def init(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Argument(metavar="PATH")] = None,
) -> Answer:
    """Write a complete, commented settings file to PATH (default: the home's config.yaml)."""
    from trading_cli.app import configure

    target = configure.config_init(path or shared(ctx).config)
    return Answer({"path": target}, (f"written: {target}",))


@app.command(cls=Command)
def show(ctx: typer.Context) -> Answer:
    """Show every setting in effect and where its value comes from."""
    from trading_cli.app import configure

    rows = configure.config_show(shared(ctx).config)
    lines = [f"{row['key']} = {_written(row['value'])}  ({row['origin']})" for row in rows]
    return Answer({"settings": rows}, lines)


def _written(value: object) -> str:
    """Return *value* as the file would have it."""
    return value if isinstance(value, str) else json.dumps(value)


@app.command(cls=Command)
def explain(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY")],
) -> Answer:
    """Say what one setting (KEY as in database.path) means: type, range, default, value, origin."""
    from trading_cli.app import configure

    data = configure.config_explain(shared(ctx).config, key)
    told = {key: _written(value) for key, value in data.items()}
    return Answer(data, (Facts(list(told.items())),))


@app.command(cls=Command)
def validate(ctx: typer.Context) -> Answer:
    """Read the settings and name every wrong key with its file and line; exit 4 if there is one."""
    from trading_cli.app import configure

    data = configure.config_validate(shared(ctx).config)
    warnings = data.pop("warnings")
    lines = ["the settings are valid", "asks that can be traded, at a spread of one cent:"]
    lines += [f"  {band['sentence']}" for band in data["bands"]]
    return Answer(data, [*lines, *data["notes"]], warnings)


@app.command(cls=Command)
def schema(
    ctx: typer.Context,
    command: Annotated[
        str, typer.Option(metavar="NAME", help="Of that command's --json: collect, 'db stats'.")
    ] = "",
) -> Answer:
    """Show the JSON schema of the settings file, or of what a command prints with --json."""
    del ctx
    if command:
        from trading_cli.core.schemas import schema_of

        data = schema_of(".".join(command.split()))
    else:
        from trading_cli.app import configure

        data = configure.config_schema()
    return Answer(data, (json.dumps(data, indent=2),))
