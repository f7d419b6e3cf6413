"""`dayfly usage`: what was metered."""

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


def usage(
    since: Annotated[str | None, typer.Option(help="Only from then on: 10m, 2h, 3d.")] = None,
    until: Annotated[str | None, typer.Option(help="Only until then: 10m, 2h, 3d ago.")] = None,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = None,
    account: AccountOption = None,
) -> None:
    """Print what was metered, by function, queue, topic and API.

    [bold]Examples[/bold]: dayfly usage · dayfly usage --since 1d --json
    """
    from dayfly.cli import show

    client = Client(endpoint, region=region, account=account)
    said = client.ask("GET", "usage", {"since": since_ms(since), "until": since_ms(until)})
    if json:
        show.as_json(said)
        return
    show.table(
        ("function", "#invocations", "#errors", "#cold", "#init ms", "#duration ms", "#billed ms", "#GB-s"),
        (
            (
                one["function"],
                one["invocations"],
                one["errors"],
                one["cold_starts"],
                f"{one['init_ms']:.0f}",
                f"{one['duration_ms']:.0f}",
                one["billed_ms"],
                f"{one['gb_s']:.4f}",
            )
            for one in said["functions"]
        ),
        "No function has run in that time.",
    )
    rows = [(one["kind"], one["name"], one["metric"], one["amount"]) for one in said["counters"]]
    if rows:
        show.out().print()
        show.table(("kind", "name", "what", "#amount"), rows, "")
