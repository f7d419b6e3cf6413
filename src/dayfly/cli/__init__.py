"""The `dayfly` command: one module per command, each a thin shell around the platform or around its public calls.

`client.py` asks a running platform; `show.py` is how results and errors look to a person. Heavy imports stand inside
the commands, so that `dayfly --help` and the start of the platform stay quick.
"""

from __future__ import annotations

import typer

from dayfly import __version__
from dayfly.cli import check, dev, doctor, invocations, invoke, logs, mail, reset, tick, up, usage
from dayfly.errors import Error

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


def main() -> None:
    """Run the command line. What dayfly refuses is one sentence and exit status 2; no traceback reaches a person."""
    from dayfly.cli.show import failed

    try:
        app()
    except Error as error:
        failed(error.message)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:  # `dayfly logs | head`: whoever read has enough
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered has nowhere to go
        raise SystemExit(0) from None
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches a person
        from dayfly.cli import trouble
        from dayfly.cli.show import failed

        failed(trouble.told(error))
        raise SystemExit(1) from None
