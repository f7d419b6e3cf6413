"""What the commands that read applications share: `--param NAME=VALUE`."""

from __future__ import annotations

from collections.abc import Iterable

from dayfly.errors import Error


class InvalidParameter(Error):
    """A `--param` is not NAME=VALUE."""


def parameters(given: Iterable[str] | None) -> dict[str, str]:
    """The parameters by name. Raises InvalidParameter."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidParameter(f"--param takes NAME=VALUE, not {text!r}")
        found[name] = value
    return found
