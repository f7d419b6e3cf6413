"""`dayfly logs`: what functions printed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dayfly.cli.client import (
    ENDPOINT,
    AccountOption,
    Client,
    EndpointOption,
    JsonOption,
    Refusal,
    RegionOption,
    since_ms,
)

_LATELY = "10m"


def logs(
    function: Annotated[str, typer.Argument(help="The function's name, key, logical id or ARN.")],
    tail: Annotated[bool, typer.Option("--tail", "-f", help="Go on with new lines as they come.")] = False,
    since: Annotated[str | None, typer.Option(help="Only newer lines: 10m, 2h, 3d.")] = None,
    pattern: Annotated[str | None, typer.Option("--filter", help="Only lines that match this filter pattern.")] = None,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = None,
    account: AccountOption = None,
) -> None:
    """Print a function's log; with --tail the last ten minutes of it, unless --since says how much.

    [bold]Examples[/bold]: dayfly logs hello · dayfly logs hello --tail · dayfly logs hello --since 1h --filter ERROR
    """
    client = Client(endpoint, region=region, account=account)
    start = since_ms(since)
    if tail:
        query = {"function": function, "since": start or since_ms(_LATELY), "filter": pattern}
        for event in client.follow("logs", query):
            _print(event["at"], event["stream"], event["line"], json)
        return
    _print_kept(client, function, int(start or 0), pattern, json)


def _print_kept(client: Client, function: str, start_ms: int, pattern: str | None, json: bool) -> None:
    import botocore.exceptions

    found = client.ask("GET", "functions", {"function": function})["functions"]
    group = f"/aws/lambda/{found[0]['name'] if found else function}"
    options = {"logGroupName": group, "startTime": start_ms} | ({"filterPattern": pattern} if pattern else {})
    try:
        for page in client.aws("logs").get_paginator("filter_log_events").paginate(**options):
            for event in page["events"]:
                _print(event["timestamp"], event["logStreamName"], event["message"], json)
    except botocore.exceptions.ClientError as error:
        raise Refusal(error.response["Error"]["Message"] + f" ({group})") from None
    except botocore.exceptions.BotoCoreError as error:
        raise Refusal(str(error)) from None


def _print(at_ms: int, stream: str, line: str, json: bool) -> None:
    from dayfly.cli import show

    if json:
        show.as_json({"at": at_ms, "stream": stream, "line": line})
    else:
        sys.stdout.write(line.rstrip("\n") + "\n")
        sys.stdout.flush()
