"""What can go wrong with buses and rules; messages are AWS's own."""

from __future__ import annotations

from dayfly.errors import Error


class NotFound(Error):
    """The entity does not exist."""


class AlreadyExists(Error):
    """The resource you are trying to create already exists."""


class Invalid(Error):
    """A parameter is not valid."""
