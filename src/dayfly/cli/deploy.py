"""`dayfly deploy` and `dayfly remove`: one more application on a running `dayfly dev`, and one less."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dayfly.cli.check import ParamOption, StageOption
from dayfly.cli.client import ENDPOINT, Client, EndpointOption, JsonOption


def deploy(
    path: Annotated[Path, typer.Argument(help="A directory, serverless.yml or template.yaml; default: here.")] = Path(),
    param: ParamOption = None,
    stage: StageOption = None,
    region: Annotated[str | None, typer.Option("--region", help="The region to deploy to.")] = None,
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
) -> None:
    """Deploy an application into a running [bold]dayfly dev[/bold] on this machine; its edits are followed there.

    [bold]Example[/bold]: dayfly deploy services/mail --stage test
    """
    from dayfly.cli import show
    from dayfly.cli.options import parameters

    wanted = {"path": str(path.absolute()), "stage": stage, "region": region, "params": parameters(param)}
    client = Client(endpoint, region=region, timeout_s=600)
    stack = client.ask("POST", "deploy", body=wanted)["stack"]
    if json:
        show.as_json({"event": "deployed", "stack": stack})
        return
    show.table(
        ("what", "name", "where"),
        [
            *((api["kind"], api["name"], api["url"]) for api in stack["apis"]),
            *(("function", key, one["name"]) for key, one in stack["functions"].items()),
            *(("output", name, value) for name, value in stack["outputs"].items()),
        ],
        f"{stack['name']} is deployed; it has nothing to call.",
    )


def remove(
    stack: Annotated[str, typer.Argument(help="The stack's name, e.g. orders-dev.")],
    json: JsonOption = False,
    endpoint: EndpointOption = ENDPOINT,
) -> None:
    """Take an application's stack away, with all it made.

    [bold]Example[/bold]: dayfly remove orders-dev
    """
    from dayfly.cli import show

    Client(endpoint, timeout_s=600).ask("POST", "remove", body={"stack": stack})
    if json:
        show.as_json({"event": "removed", "stack": stack})
    else:
        show.out().print(f"{stack} is removed.")
