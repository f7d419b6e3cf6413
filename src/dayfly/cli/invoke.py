"""`dayfly invoke`: call a function."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Annotated

import typer

from dayfly.cli.client import ENDPOINT, AccountOption, Client, EndpointOption, JsonOption, Refusal, RegionOption


def invoke(
    function: Annotated[str, typer.Argument(help="The function's name, key, logical id or ARN.")],
    payload: Annotated[str, typer.Argument(help="The event: JSON, @FILE, or - for standard input.")] = "{}",
    later: Annotated[bool, typer.Option("--async", help="Do not wait: queue the event, with AWS's retries.")] = False,
    show_log: Annotated[
        bool, typer.Option("--log", help="Also print the last lines that the function logged.")
    ] = False,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = None,
    account: AccountOption = None,
) -> None:
    """Invoke a function and print its answer. Exit status 1 where the function failed.

    [bold]Examples[/bold]: dayfly invoke hello · dayfly invoke orders '{"id": 7}' --log · dayfly invoke r @event.json
    """
    import botocore.exceptions

    from dayfly.cli import show

    client = Client(endpoint, region=region, account=account)
    try:
        said = client.aws("lambda").invoke(
            FunctionName=_name_of(client, function),
            InvocationType="Event" if later else "RequestResponse",
            LogType="None" if later else "Tail",
            Payload=_event(payload),
        )
    except botocore.exceptions.ClientError as error:
        raise Refusal(error.response["Error"]["Message"]) from None
    except botocore.exceptions.BotoCoreError as error:
        raise Refusal(str(error)) from None
    answer = said["Payload"].read().decode(errors="replace")
    log = base64.b64decode(said.get("LogResult", "")).decode(errors="replace")
    if json:
        error_kind = said.get("FunctionError")
        show.as_json({"status": said["StatusCode"], "error": error_kind, "payload": answer, "log": log.splitlines()})
    else:
        if show_log and log:
            show.err().print(log, style="dim", markup=False)
        sys.stdout.write((answer or "queued") + "\n")
    if "FunctionError" in said:
        raise typer.Exit(1)


def _event(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise Refusal(f"the event {text[1:]} cannot be read: {error.strerror}") from None
    return text.encode()


def _name_of(client: Client, function: str) -> str:
    """The physical name; a key of serverless.yml or a logical id is looked up."""
    found = client.ask("GET", "functions", {"function": function})["functions"]
    return str(found[0]["name"]) if found else function
