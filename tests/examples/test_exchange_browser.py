"""The whole story in a real browser: sign up, see the ticker move, trade, report a bug, give feedback."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import chromium
from exchange_process import FORMATS, ROOT, Exchange

pytestmark = [
    pytest.mark.browser,
    pytest.mark.node,
    pytest.mark.slow,
    pytest.mark.skipif(chromium.program() is None, reason="Chromium is not installed (Debian: apt install chromium)"),
]


@pytest.fixture(params=FORMATS)
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
