"""`dayfly reset`: forget all state."""

from __future__ import annotations

from typing import Annotated

import typer

from dayfly.cli.client import ENDPOINT, AccountOption, Client, EndpointOption, JsonOption, RegionOption


def reset(
    everything: Annotated[bool, typer.Option("--all", help="All accounts, not only that of the key.")] = False,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
    region: RegionOption = None,
    account: AccountOption = None,
) -> None:
    """Forget all state of an account: queues, topics, functions, mail, logs.

    Under `dayfly dev` the application is applied again at once, empty.

    [bold]Example[/bold]: dayfly reset
    """
    from dayfly.cli import show

    client = Client(endpoint, region=region, account=account)
    client.ask("POST", "reset", {"all": "1" if everything else None})
    if json:
        show.as_json({"reset": True, "all": everything})
    else:
        show.out().print("All state is forgotten." if everything else "The account's state is forgotten.")
