"""`dayfly dev` on the example, as a process, for tests to use as people would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORMATS = ("serverless.yml", "template.yaml")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Exchange:
    """`dayfly dev` with the example on it."""

    def __init__(self, config: Path, state: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "dayfly",
            "dev",
            str(config),
            "--json",
            "--port",
            str(free_port()),
            "--state",
            str(state),
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment["PYTHONPATH"] = str(ROOT / "src")
        self._errors = (state.parent / "stderr").open("w+")
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, env=environment, text=True
        )
        self.ready = self._first("ready")
        self.endpoint = self.ready["endpoint"]
        apis = {api["kind"]: api for api in reversed(self.ready["stacks"][0]["apis"])}
        self.http, self.socket = apis["http"]["url"].rstrip("/"), apis["websocket"]["url"]

    def _first(self, event: str) -> dict:
        for line in self._process.stdout:
            said = json.loads(line)
            assert said["event"] != "error", said
            if said["event"] == event:
                return said
        self._errors.seek(0)
        raise AssertionError(f"dayfly ended: {self._errors.read()}")

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"{self.endpoint}/_dayfly/{path}", method=method, data=json.dumps(body).encode() if body else None
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def mail(self, to: str, subject: str, within_s: float = 20) -> dict:
        deadline = time.monotonic() + within_s
        while True:
            messages = self.ask("GET", "mail")["messages"]
            for message in messages:
                if to in message["to"] and subject in message["subject"]:
                    return message
            assert time.monotonic() < deadline, [(message["to"], message["subject"]) for message in messages]
            time.sleep(0.1)

    def close(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            assert self._process.wait(20) == 0
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process.stdout.close()
            self._errors.close()
