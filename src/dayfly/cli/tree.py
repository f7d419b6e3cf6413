"""The tree of commands, as typer shows and reads it."""

from __future__ import annotations

import typer

from dayfly import __version__
from dayfly.cli import check, deploy, dev, doctor, invocations, invoke, logs, mail, reset, tick, up, usage

app = typer.Typer(
    name="dayfly",
    help="Runs serverless.yml and SAM applications for real: on a laptop with one command, on a server for good.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dayfly {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and stop."),
) -> None:
    """Runs serverless.yml and SAM applications for real."""


for _name, _command in (
    ("dev", dev.dev),
    ("up", up.up),
    ("deploy", deploy.deploy),
    ("remove", deploy.remove),
    ("check", check.check),
    ("invoke", invoke.invoke),
    ("logs", logs.logs),
    ("invocations", invocations.invocations),
    ("mail", mail.mail),
    ("tick", tick.tick),
    ("usage", usage.usage),
    ("reset", reset.reset),
    ("doctor", doctor.doctor),
):
    app.command(_name)(_command)
