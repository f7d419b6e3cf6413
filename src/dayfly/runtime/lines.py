"""Cuts what an environment prints into lines."""

from __future__ import annotations

MAX_LINE = 256 * 1024
"""Bytes; the largest log event: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""


class Lines:
    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes, without their newlines; one beyond MAX_LINE is cut there."""
        *whole, rest = (self._rest + data).split(b"\n")
        lines = []
        for line in whole:
            while len(line) > MAX_LINE:
                lines.append(line[:MAX_LINE].decode("utf-8", "replace"))
                line = line[MAX_LINE:]  # noqa: PLW2901 - the remainder of the same line
            lines.append(line.decode("utf-8", "replace").rstrip("\r"))
        while len(rest) > MAX_LINE:
            lines.append(rest[:MAX_LINE].decode("utf-8", "replace"))
            rest = rest[MAX_LINE:]
        self._rest = rest
        return lines

    def end(self) -> list[str]:
        """What came after the last newline."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []
