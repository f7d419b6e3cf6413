"""`dayfly mail`: what the application sent."""

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


def mail(
    to: Annotated[str | None, typer.Option(help="Only mails to this address.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="Only mails from this address.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only mails whose subject contains this.")] = None,
    since: Annotated[str | None, typer.Option(help="Only newer ones: 10m, 2h, 3d.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Empty the inbox instead.")] = False,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = None,
    account: AccountOption = None,
) -> None:
    """List the inbox, newest last. In a browser: [bold]/_dayfly/mail[/bold] of the endpoint.

    [bold]Examples[/bold]: dayfly mail · dayfly mail --to ada@example.com --json · dayfly mail --clear
    """
    from dayfly.cli import show

    client = Client(endpoint, region=region, account=account)
    if clear:
        client.ask("DELETE", "mail")
        return
    query = {"to": to, "from": sender, "subject": subject, "since": since_ms(since)}
    said = client.ask("GET", "mail", query)
    if json:
        show.as_json(said)
        return
    show.table(
        ("at", "from", "to", "subject", "#attachments", "id"),
        (
            (
                show.day_and_time(one["at"]),
                one["from"],
                ", ".join((*one["to"], *one["cc"], *one["bcc"])),
                one["subject"],
                len(one["attachments"]),
                one["id"],
            )
            for one in said["messages"]
        ),
        "No mail yet.",
    )
