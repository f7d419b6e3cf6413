"""Reserved concurrency: how many events of one function run at once, over all its versions and aliases.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

from __future__ import annotations

from dayfly.functions.errors import TooManyRequests


class InFlight:
    """Counts running events of functions that have a reservation."""

    def __init__(self) -> None:
        self._running: dict[str, int] = {}

    def enter(self, arn: str, reserved: int) -> None:
        """Take a place; every `enter` that returns has one `leave`. Raises TooManyRequests."""
        running = self._running.get(arn, 0)
        if running >= reserved:
            raise TooManyRequests("ReservedFunctionConcurrentInvocationLimitExceeded")
        self._running[arn] = running + 1

    def leave(self, arn: str) -> None:
        running = self._running[arn] - 1
        if running:
            self._running[arn] = running
        else:
            del self._running[arn]
