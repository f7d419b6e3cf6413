"""The example as its clients use it, without a browser: HTTP, WebSocket, mail; from what the repository holds."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).parent))

from exchange_process import FORMATS, ROOT, Exchange

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed"),
]


@pytest.fixture(params=FORMATS)
def exchange(request, tmp_path):
    running = Exchange(ROOT / "examples" / "exchange" / request.param, tmp_path / "state")
    yield running
    running.close()


def post(url: str, body: dict, token: str = "") -> dict:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def heard(client, kind: str) -> dict:
    """The next message of this kind."""
    while True:
        message = json.loads(client.recv(timeout=20))
        if message["type"] == kind:
            return message


def test_an_order_is_matched_and_its_fill_comes_over_the_websocket_and_by_mail(exchange):
    tokens = {
        name: post(f"{exchange.http}/signup", {"email": f"{name}@example.com", "password": "correct horse"})["token"]
        for name in ("ada", "bob")
    }
    assert exchange.mail("ada@example.com", "Welcome")
    with connect(f"{exchange.socket}?token={tokens['bob']}") as bob:
        bob.send(json.dumps({"action": "subscribe", "symbols": ["DAY"]}))
        assert heard(bob, "subscribed")["symbols"] == ["DAY"]
        order = {"symbol": "DAY", "quantity": "4", "price": "31.00"}
        post(f"{exchange.http}/orders", {**order, "side": "sell"}, tokens["ada"])
        post(f"{exchange.http}/orders", {**order, "side": "buy"}, tokens["bob"])
        assert (fill := heard(bob, "fill"))["side"] == "bought", fill
        assert (fill["price"], fill["quantity"]) == ("31.00", "4")
        bob.send("what?")
        assert "say" in heard(bob, "error")["message"]
    assert exchange.mail("bob@example.com", "You bought 4 DAY")
