"""`dayfly invocations`: what ran, how long, and what it is billed."""

from __future__ import annotations

from typing import Annotated

import typer

from dayfly.cli.client import (
    ENDPOINT,
    AccountOption,
    Client,
    EndpointOption,
    JsonOption,
    RegionOption,
    since_ms,
)


def invocations(
    function: Annotated[str | None, typer.Argument(help="Only this function: name, key, logical id or ARN.")] = None,
    since: Annotated[str | None, typer.Option(help="Only newer ones: 10m, 2h, 3d.")] = None,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = None,
    account: AccountOption = None,
) -> None:
    """List invocations, newest last.

    [bold]Examples[/bold]: dayfly invocations · dayfly invocations hello --since 10m · dayfly invocations --json
    """
    from rich.text import Text

    from dayfly.cli import show

    client = Client(endpoint, region=region, account=account)
    said = client.ask("GET", "invocations", {"function": function, "since": since_ms(since)})
    if json:
        show.as_json(said)
        return
    show.table(
        ("at", "function", "source", "start", "#init ms", "#duration ms", "#billed ms", "#memory MB", "error"),
        (
            (
                show.moment(one["at"]),
                one["function"],
                one["source"],
                Text("cold", "cyan") if one["cold"] else "warm",
                f"{one['init_ms']:.1f}" if one["init_ms"] is not None else "",
                f"{one['duration_ms']:.2f}",
                one["billed_ms"],
                f"{one['max_memory_mb']}/{one['memory_mb']}",
                Text(one["error"], "red") if one["error"] else "",
            )
            for one in said["invocations"]
        ),
        "No invocations yet.",
    )
