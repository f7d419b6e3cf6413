"""`dayfly dev`: the platform with the applications one works on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dayfly.cli.check import ParamOption, PathArgument, StageOption
from dayfly.cli.client import JsonOption


def dev(
    paths: PathArgument = None,
    param: ParamOption = None,
    stage: StageOption = None,
    port: Annotated[
        int | None, typer.Option("--port", help="The port of the AWS endpoint (4566); 0: a free one.")
    ] = None,
    http_port: Annotated[int | None, typer.Option("--http-port", help="The port of the HTTP API (3000).")] = None,
    websocket_port: Annotated[int | None, typer.Option("--websocket-port", help="The WebSocket port (3001).")] = None,
    lambda_port: Annotated[int | None, typer.Option("--lambda-port", help="The Lambda invoke port (3002).")] = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on (127.0.0.1).")] = None,
    region: Annotated[str | None, typer.Option("--region", help="The region to deploy to.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="The account to deploy to.")] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="The directory that keeps everything (.dayfly).")
    ] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Keep nothing: start empty each time.")] = False,
    isolation: Annotated[str | None, typer.Option("--isolation", help="auto, namespace or process.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Listen on --host although any key works.")] = False,
    json: JsonOption = False,
) -> None:
    """Run applications while you work on them: an edit is live on the next call. Ctrl-C drains, twice forces.

    [bold]Examples[/bold]: dayfly dev · dayfly dev services/orders services/mail · dayfly dev --stage test
    """
    from dayfly.cli import running
    from dayfly.cli.options import parameters

    given = {
        "host": host,
        "port": port,
        "http_port": http_port,
        "websocket_port": websocket_port,
        "lambda_port": lambda_port,
        "region": region,
        "account": account,
        "state": state and str(state),
        "isolation": isolation,
        "memory": memory or None,
        "insecure": insecure or None,
    }
    wanted = paths or [Path()]
    raise typer.Exit(
        running.run("dev", given, paths=wanted, as_json=json, stage=stage, region=region, params=parameters(param))
    )
