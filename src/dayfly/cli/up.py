"""`dayfly up`: the platform alone, for good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dayfly.cli.client import JsonOption


def up(
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="The port of the AWS endpoint (4566).")] = None,
    region: Annotated[str | None, typer.Option("--region", help="The region of calls that name none.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="The account of the operator's key.")] = None,
    state: Annotated[Path | None, typer.Option("--state", help="The directory that keeps everything.")] = None,
    isolation: Annotated[str | None, typer.Option("--isolation", help="auto, namespace or process.")] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Keep nothing on disk.")] = False,
    json: JsonOption = False,
) -> None:
    """Run the platform. Requests must be signed by a key it knows; the operator's is in <state>/credentials.

    [bold]Examples[/bold]: dayfly up · dayfly up --state /srv/dayfly --host 0.0.0.0
    """
    from dayfly.cli import running

    given = {
        "host": host,
        "port": port,
        "region": region,
        "account": account,
        "state": state and str(state),
        "isolation": isolation,
        "memory": memory or None,
    }
    raise typer.Exit(running.run("up", given, paths=[], as_json=json))
