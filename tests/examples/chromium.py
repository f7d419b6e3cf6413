"""A headless Chromium driven over its DevTools protocol; only what the tests need.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import connect

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--window-size=1200,1000",
)  # fmt: skip


def program() -> str | None:
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


class Chromium:
    """The browser process. `open` gives a page with storage of its own (another person)."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [program() or "chromium", *FLAGS, f"--user-data-dir={directory}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        said = directory / "DevToolsActivePort"
        deadline = time.monotonic() + 30
        while not (said.exists() and len(said.read_text().splitlines()) > 1):
            assert time.monotonic() < deadline, "Chromium did not start"
            time.sleep(0.05)
        self._port = int(said.read_text().splitlines()[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/json/version") as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        self._opened = contextlib.ExitStack()
        self._wire = self._opened.enter_context(connect(address, max_size=None, proxy=None))
        self._number = 0

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        self._wire.send(json.dumps({**message, "sessionId": session} if session else message))
        while True:
            answer = json.loads(self._wire.recv(timeout=30))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])

    def open(self, url: str) -> Page:
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        self.send("Page.enable", session)
        self.send("Page.navigate", session, url=url)
        page.until("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opened.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Page:
    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self._browser.send(
            "Runtime.evaluate", self._session, expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, within_s: float = 20) -> Any:
        """Wait until an expression is true; its value. Says what the page shows where it never is."""
        deadline = time.monotonic() + within_s
        while not (value := self.run(script)):
            if time.monotonic() > deadline:
                raise AssertionError(f"never true: {script}; the page shows: {self.run('document.body.innerText')}")
            time.sleep(0.05)
        return value

    def fill(self, form: str, button: str = "button", **values: str) -> None:
        """Type into a form's fields and press its button, as a person would."""
        for name, value in values.items():
            self.run(f"document.querySelector('#{form} [name={name}]').value = {json.dumps(value)}")
        self.run(f"document.querySelector('#{form} {button}').click()")

    def screenshot(self, path: Path) -> None:
        import base64

        path.write_bytes(base64.b64decode(self._browser.send("Page.captureScreenshot", self._session)["data"]))
