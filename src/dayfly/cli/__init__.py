"""The `dayfly` command: one module per command, each a thin shell around the platform or around its public calls.

`client.py` asks a running platform; `show.py` is how results and errors look to a person. Heavy imports stand inside
the commands, so that `dayfly --help` and the start of the platform stay quick.
`tree.py` has all commands; a plain `dayfly up …` or `dayfly dev …` goes by `plain.py` past it, because reading the tree
takes as long as starting the platform.
"""

from __future__ import annotations

from dayfly.errors import Error


def main() -> None:
    """Run the command line. What dayfly refuses is one sentence and exit status 2; no traceback reaches a person."""
    import sys

    from dayfly.cli import plain

    try:
        if (call := plain.read(sys.argv[1:])) is not None:
            raise SystemExit(call.run())
        from dayfly.cli.tree import app

        app()
    except Error as error:
        from dayfly.cli.show import failed

        failed(str(error))
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
