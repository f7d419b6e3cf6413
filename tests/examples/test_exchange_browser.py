"""The whole story in a real browser: sign up, see the ticker move, trade, report a bug, give feedback."""

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

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import chromium

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.node,
    pytest.mark.slow,
    pytest.mark.skipif(chromium.program() is None, reason="Chromium is not installed (Debian: apt install chromium)"),
]


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


@pytest.fixture(params=["serverless.yml", "template.yaml"])
def exchange(request, tmp_path):
    running = Exchange(ROOT / "examples" / "exchange" / request.param, tmp_path / "state")
    yield running
    running.close()


def sign_up(page: chromium.Page, email: str) -> None:
    page.fill("account", "button[value=signup]", email=email, password="correct horse")
    page.until(f"document.querySelector('#who').textContent === {json.dumps(email)}")
    page.until("document.body.dataset.live === 'signed-in'")


def test_two_people_use_the_exchange(exchange, tmp_path):
    with chromium.Chromium(tmp_path / "browser") as browser:
        url = f"{exchange.http}/?ws={exchange.socket}"
        ada, bob = browser.open(url), browser.open(url)
        sign_up(ada, "ada@example.com")
        sign_up(bob, "bob@example.com")
        assert "account is open" in exchange.mail("ada@example.com", "Welcome")["text"]

        day = "document.querySelector('[data-symbol=DAY] span').textContent"
        ticker = next(name for name in exchange.ready["stacks"][0]["functions"] if name.lower().startswith("ticker"))
        exchange.ask("POST", "tick", {"function": ticker})
        before = ada.until(f"isFinite({day}) && {day}")
        exchange.ask("POST", "tick", {"function": ticker})
        ada.until(f"{day} !== {json.dumps(before)}")

        ada.fill("order", symbol="DAY", side="sell", quantity="10", price="31.00")
        ada.until("document.querySelector('#order-note').textContent.includes('is queued')")
        bob.fill("order", symbol="DAY", side="buy", quantity="4", price="31.50")
        filled = "document.querySelector('#fills').textContent.includes('{} 4 DAY at 31.00')"
        bob.until(filled.format("bought"))
        ada.until(filled.format("sold"))
        bob.until(f"{day} === '31.00'")
        assert "at 31.00" in exchange.mail("bob@example.com", "You bought 4 DAY")["text"]

        bob.fill("bounty", title="Stored XSS in names", details="A script runs", reporter="bob@example.com")
        bob.until("document.querySelector('#bounty-note').textContent.includes('Your report is')")
        assert "look at it as high" in exchange.mail("bob@example.com", "Your report: Stored XSS")["text"]
        assert exchange.mail("security@example.com", "[high]")
        ada.fill("feedback", group="traders", rating="4", text="The order form is clear")
        ada.until("document.querySelector('#feedback-note').textContent === 'Thank you.'")
        assert exchange.mail("usability@example.com", "traders gave 4 of 5")

        nightly = next(name for name in exchange.ready["stacks"][0]["functions"] if name.lower().startswith("nightly"))
        exchange.ask("POST", "tick", {"function": nightly})
        assert "DAY: 1 trades, 4 shares" in exchange.mail("operations@example.com", "Trading report")["text"]
        ada.screenshot(tmp_path / "exchange.png")
