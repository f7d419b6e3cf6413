"""`dayfly tick`: fire a schedule now instead of waiting for it."""

from __future__ import annotations

from typing import Annotated

import typer

from dayfly.cli.client import ENDPOINT, AccountOption, Client, EndpointOption, JsonOption, Refusal, RegionOption


def tick(
    name: Annotated[str, typer.Argument(help="A function (all its schedules fire), or one schedule.")],
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = None,
    account: AccountOption = None,
) -> None:
    """Fire the schedules of a function, or one schedule, once, now.

    [bold]Example[/bold]: dayfly tick nightlyReport
    """
    from dayfly.cli import show

    client = Client(endpoint, region=region, account=account)
    try:
        said = client.ask("POST", "tick", body={"function": name})
    except Refusal as no_function:
        try:
            said = client.ask("POST", "tick", body={"schedule": name})
        except Refusal:
            raise Refusal(str(no_function).replace("no function", "no function and no schedule")) from None
    if json:
        show.as_json(said)
    else:
        show.out().print(f"fired {', '.join(said['fired'])}", markup=False, soft_wrap=True)
