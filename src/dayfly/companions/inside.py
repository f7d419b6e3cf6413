"""Runs inside the child process: moto_server, ended when the platform ends, however it ends.

Usage: python inside.py HOST PORT SNAPSHOT. Standard library and moto only; ours is not importable here.
DAYFLY_ENDPOINT and DAYFLY_KEY (id, secret and token, separated by spaces) lead the tasks of state machines back.

SNAPSHOT is a file: the state of some services, by this version of moto. At the start it is taken in where it exists;
`GET /dayfly/restored` says what that was, `GET /dayfly/snapshot?last=N&services=a,b&wait=0` writes another one:
a line of JSON that describes it, then each service's backends, pickled. A fork writes it, from the memory of that
moment, while this process goes on; the file gets its name once it is whole.
"""

from __future__ import annotations

import ctypes
import io
import json
import logging
import os
import pickle
import runpy
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

_PR_SET_PDEATHSIG = 1
_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())


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


class Pickler(pickle.Pickler):
    """Takes locks as new ones, and small objects' buffers as their bytes."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _LOCK):
            return threading.Lock, ()
        if isinstance(value, _RLOCK):
            return threading.RLock, ()
        if isinstance(value, tempfile.SpooledTemporaryFile):
            buffer = value._file
            if not isinstance(buffer, io.BytesIO):
                raise pickle.PicklingError("an object on disk")
            return spooled, (buffer.getvalue(), buffer.tell(), value._max_size)  # type: ignore[attr-defined]
        return NotImplemented


def spooled(data: bytes, place: int, most: int) -> Any:
    buffer = tempfile.SpooledTemporaryFile(max_size=most)  # noqa: SIM115 - moto closes it
    buffer.write(data)
    buffer.seek(place)
    return buffer


class Snapshot:
    def __init__(self, path: Path) -> None:
        from moto import __version__

        self.path = path
        self.made_by = f"moto {__version__}, Python {sys.version}"
        self.restored: dict[str, Any] = {"last": 0, "services": []}

    def take_in(self) -> None:
        """What the file holds becomes the state. A file that is not of this version, or not whole, is left alone."""
        try:
            with self.path.open("rb") as file:
                described = json.loads(file.readline())
                if described["made_by"] != self.made_by:
                    return
                state = {service: pickle.loads(file.read(size)) for service, size in described["services"].items()}
        except FileNotFoundError:
            return
        except Exception as error:  # noqa: BLE001 - all is repeated then, which takes longer
            sys.stderr.write(f"the snapshot {self.path} cannot be used: {error!r}\n")
            return
        for service, (extra, accounts) in state.items():
            backends = _backends(service)
            vars(backends).update(extra)
            for account, regions in accounts.items():
                held = backends[account]
                for region, backend in regions.items():
                    held[region] = backend
        self.restored = {"last": described["last"], "services": sorted(state)}

    def take(self, last: int, services: Iterable[str], *, wait: bool) -> None:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.closerange(3, 4096)  # connections whose end somebody waits for are not ours
                self._write(last, services)
                status = 0
            finally:
                os._exit(status)
        if wait:
            os.waitpid(pid, 0)
        else:
            threading.Thread(target=os.waitpid, args=(pid, 0), daemon=True).start()

    def _write(self, last: int, services: Iterable[str]) -> None:
        parts: dict[str, bytes] = {}
        for service in services:
            backends = _backends(service)
            extra = {name: value for name, value in vars(backends).items() if name == "bucket_accounts"}
            accounts = {account: dict(dict.items(held)) for account, held in dict.items(backends)}
            body = io.BytesIO()
            try:
                Pickler(body, pickle.HIGHEST_PROTOCOL).dump((extra, accounts))
            except Exception as error:  # noqa: BLE001 - its calls are repeated at the next start
                sys.stderr.write(f"no snapshot of {service}: {error!r}\n")
                continue
            parts[service] = body.getvalue()
        sizes = {service: len(part) for service, part in parts.items()}
        described = {"made_by": self.made_by, "last": last, "services": sizes}
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        unfinished.touch(mode=0o600)
        with unfinished.open("wb") as file:
            file.write(json.dumps(described).encode() + b"\n")
            file.writelines(parts.values())
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self.path)


def _backends(service: str) -> Any:
    from moto.backends import get_backend

    return get_backend(service)  # type: ignore[call-overload]


def serve_snapshots(snapshot: Snapshot) -> None:
    """Two paths of ours before moto's application."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    serve = DomainDispatcherApplication.__call__

    def answer(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path = environ.get("PATH_INFO", "")
        if path not in ("/dayfly/snapshot", "/dayfly/restored"):
            return serve(self, environ, start_response)
        if path == "/dayfly/snapshot":
            asked = parse_qs(environ.get("QUERY_STRING", ""))
            snapshot.take(int(asked["last"][0]), asked["services"][0].split(","), wait=asked["wait"][0] == "1")
        body = json.dumps(snapshot.restored).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    DomainDispatcherApplication.__call__ = answer  # type: ignore[method-assign]


def main() -> None:
    die_with_parent()
    # Beside this script, but not on its path: the names there would hide those of packages.
    repairs = runpy.run_path(str(Path(__file__).with_name("repairs.py")))
    repairs["judge_buckets_fairly"]()
    repairs["read_definitions_as_aws_does"]()
    runpy.run_path(str(Path(__file__).with_name("pools_inside.py")))["serve_user_pools"]()
    if "DAYFLY_ENDPOINT" in os.environ:
        run_state_machines(os.environ["DAYFLY_ENDPOINT"], os.environ["DAYFLY_KEY"])
        repairs["call_apis"](os.environ["DAYFLY_ENDPOINT"], os.environ["DAYFLY_KEY"])
    # Ctrl-C goes to the whole process group; the platform stops us after it has drained.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from moto.server import main as serve
    from werkzeug.serving import WSGIRequestHandler

    snapshot = Snapshot(Path(sys.argv[3]))
    snapshot.take_in()
    serve_snapshots(snapshot)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # Head and body are written apart; with Nagle's algorithm each answer would wait 40 ms for an acknowledgement.
    WSGIRequestHandler.disable_nagle_algorithm = True
    serve(["-H", sys.argv[1], "-p", sys.argv[2]])


if __name__ == "__main__":
    main()
