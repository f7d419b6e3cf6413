"""`dayfly logs`: what functions printed."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from dayfly.cli.client import (
    ENDPOINT,
    REGION,
    AccountOption,
    Client,
    EndpointOption,
    JsonOption,
    Refusal,
    RegionOption,
    since_ms,
)


def logs(
    function: Annotated[str, typer.Argument(help="The function's name, key, logical id or ARN.")],
    tail: Annotated[bool, typer.Option("--tail", "-f", help="Go on with new lines as they come.")] = False,
    since: Annotated[str | None, typer.Option(help="Only newer lines: 10m, 2h, 3d.")] = None,
    pattern: Annotated[str | None, typer.Option("--filter", help="Only lines that match this filter pattern.")] = None,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = REGION,
    account: AccountOption = None,
) -> None:
    """Print a function's log.

    [bold]Examples[/bold]: dayfly logs hello · dayfly logs hello --tail · dayfly logs hello --since 1h --filter ERROR
    """
    import botocore.exceptions

    client = Client(endpoint, region=region, account=account)
    found = client.ask("GET", "functions", {"function": function})["functions"]
    group = f"/aws/lambda/{found[0]['name'] if found else function}"
    aws = client.aws("logs")
    start_ms = int(since_ms(since) or 0)
    seen: set[str] = set()
    try:
        while True:
            start_ms = _print_new(aws, group, start_ms, pattern, seen, json)
            if not tail:
                return
            time.sleep(0.5)
    except botocore.exceptions.ClientError as error:
        raise Refusal(error.response["Error"]["Message"] + f" ({group})") from None
    except botocore.exceptions.BotoCoreError as error:
        raise Refusal(str(error)) from None


def _print_new(aws: Any, group: str, start_ms: int, pattern: str | None, seen: set[str], json: bool) -> int:
    """Print the events from `start_ms` that were not seen; answers the newest event's time, to start at next."""
    from dayfly.cli import show

    options = {"logGroupName": group, "startTime": start_ms} | ({"filterPattern": pattern} if pattern else {})
    newest = start_ms
    for page in aws.get_paginator("filter_log_events").paginate(**options):
        for event in page["events"]:
            if event["eventId"] in seen:
                continue
            seen.add(event["eventId"])
            newest = max(newest, event["timestamp"])
            if json:
                show.as_json({"at": event["timestamp"], "stream": event["logStreamName"], "line": event["message"]})
            else:
                sys.stdout.write(event["message"].rstrip("\n") + "\n")
    sys.stdout.flush()
    return newest
