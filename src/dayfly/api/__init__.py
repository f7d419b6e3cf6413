"""AWS operations in the domain's words: one thin module per API.

A module has one class. Each operation it supports is an async method named in snake case after the operation, taking
the caller and the decoded parameters as the service model names them, and answering a dict of the operation's output
members. Bad input raises a domain error; the class's `FAULTS` table says which AWS error it becomes. What has no
method answers with a clear error that names it. `answer.py` is the whole life of a request, in one screen.

    class Sqs:
        service = "sqs"                                   # botocore's name of the model
        FAULTS = {NoSuchQueue: Fault("QueueDoesNotExist")}  # status from the model unless given

        async def send_message(self, caller: Caller, params: Params) -> Params: ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

from dayfly.errors import Error

Params = dict[str, Any]
"""Members of an operation's input or output, spelt as in the service model; values in the model's types (bytes for
blobs, str, int, float, bool, list, dict; timestamps as seconds since the epoch, float)."""


class Fault(NamedTuple):
    """How an error looks on the wire."""

    code: str
    """The error shape's name in the service model where it has one (its wire code is taken from the model)."""
    status: int | None = None


class Refused(Error):
    """An error that is already in AWS's words: code, message, and optionally status and further members."""

    def __init__(
        self, code: str, message: str, status: int | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = dict(members or {})


class Api(Protocol):
    service: ClassVar[str]
    FAULTS: ClassVar[Mapping[type[Error], Fault]]
