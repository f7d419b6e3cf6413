"""`dayfly check`: what of an application will run here, and what will not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dayfly.cli.client import REGION, JsonOption

if TYPE_CHECKING:
    from dayfly.app.report import Item

PathArgument = Annotated[
    list[Path] | None, typer.Argument(help="A directory, serverless.yml or template.yaml; default: here.")
]
ParamOption = Annotated[list[str] | None, typer.Option("--param", help="A parameter as NAME=VALUE; may be repeated.")]
StageOption = Annotated[str | None, typer.Option("--stage", "-s", help="The stage to deploy.")]


def check(
    paths: PathArgument = None,
    param: ParamOption = None,
    stage: StageOption = None,
    region: Annotated[str | None, typer.Option("--region", help="The region; default: the application's own.")] = None,
    account: Annotated[str, typer.Option("--account", help="The account that it is read for.")] = "000000000000",
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 where anything is not supported.")] = False,
    json: JsonOption = False,
) -> None:
    """Report what of an application has no effect here or is not supported, with file and line. Runs nothing.

    [bold]Examples[/bold]: dayfly check · dayfly check services/orders --stage prod · dayfly check --strict --json
    """
    from rich.text import Text

    from dayfly.app import compose
    from dayfly.app.load import load
    from dayfly.app.report import resource_items
    from dayfly.app.resources.table import TABLE
    from dayfly.cli import show
    from dayfly.cli.options import parameters

    unsupported = 0
    services = [(path, compose.parts_of(path, stage=stage)) for path in paths or [Path()]]
    wanted = [(one.path, one.params) for _, parts in services for one in parts or ()]
    wanted += [(path, {}) for path, parts in services if parts is None]
    for path, params in wanted:
        given = {**params, **parameters(param)}
        application = load(path, stage=stage, region=region, default_region=REGION, account=account, params=given)
        found = [*application.items, *resource_items(application.template, application.origins, TABLE)]
        items = list(dict.fromkeys(found))
        unsupported += sum(item.level == "unsupported" for item in items)
        if json:
            said = [{"level": one.level, "what": one.what, "file": str(one.file), "line": one.line} for one in items]
            show.as_json({"application": application.name, "path": str(application.path), "items": said})
            continue
        title = Text.assemble((application.name, "bold"), f" ({path}): {_total(items)}")
        show.out().print(title, soft_wrap=True)
        show.table(
            ("where", "level", "what"),
            ((f"{item.file}:{item.line}" if item.file else "", item.level, item.what) for item in items),
            "Everything in it is supported.",
        )
    if strict and unsupported:
        raise typer.Exit(1)


def _total(items: Sequence[Item]) -> str:
    unsupported, ignored = (sum(item.level == level for item in items) for level in ("unsupported", "ignored"))
    return f"{unsupported} not supported, {ignored} without effect here"
