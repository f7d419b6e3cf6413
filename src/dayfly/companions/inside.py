"""Runs inside the child process: moto_server, ended when the platform ends, however it ends.

Usage: python inside.py HOST PORT. Standard library and moto only; ours is not importable here.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Two ways, because either can miss: the kernel's signal (Linux), and the end of our standard input (anywhere)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait_for_end() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=wait_for_end, daemon=True).start()


def main() -> None:
    die_with_parent()
    # Ctrl-C goes to the whole process group; the platform stops us after it has drained.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from moto.server import main as serve
    from werkzeug.serving import WSGIRequestHandler

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # Head and body are written apart; with Nagle's algorithm each answer would wait 40 ms for an acknowledgement.
    WSGIRequestHandler.disable_nagle_algorithm = True
    serve(["-H", sys.argv[1], "-p", sys.argv[2]])


if __name__ == "__main__":
    main()
