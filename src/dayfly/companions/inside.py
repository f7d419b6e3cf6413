"""Runs inside the child process: moto_server, ended when the platform ends, however it ends.

Usage: python inside.py HOST PORT. Standard library and moto only; ours is not importable here.
DAYFLY_ENDPOINT and DAYFLY_KEY (id, secret and token, separated by spaces) lead the tasks of state machines back.
"""

from __future__ import annotations

import ctypes
import logging
import os
import runpy
import signal
import sys
import threading
from pathlib import Path

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


def run_state_machines(endpoint: str, key: str) -> None:
    """moto then interprets definitions; the calls of tasks, which it makes to itself, go to the platform."""
    import boto3
    from moto.core.config import default_user_config

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    make = boto3.client

    def client(*service: object, **given: object) -> object:
        if given.get("aws_access_key_id") == "ak":  # as moto's interpreter signs; see its boto_client_for
            names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
            given |= dict(zip(names, key.split(" "), strict=False)) | {"endpoint_url": endpoint}
        return make(*service, **given)

    boto3.client = client


def main() -> None:
    die_with_parent()
    # Beside this script, but not on its path: the names there would hide those of packages.
    repairs = runpy.run_path(str(Path(__file__).with_name("repairs.py")))
    repairs["judge_buckets_fairly"]()
    repairs["read_definitions_as_aws_does"]()
    if "DAYFLY_ENDPOINT" in os.environ:
        run_state_machines(os.environ["DAYFLY_ENDPOINT"], os.environ["DAYFLY_KEY"])
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
