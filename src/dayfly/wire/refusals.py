"""What the wire itself refuses: unreadable bodies, unknown operations, parameters outside the model, bad signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.errors import Error


class Rejected(Error):
    """A request that no handler sees, in AWS's words: an error code, a sentence, an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = dict(members or {})


class Malformed(Rejected):
    """The body or a header cannot be read as the model says.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html and its siblings name the
    codes: SerializationException in the JSON protocols, MalformedInput in query and XML.
    """

    def __init__(self, message: str, code: str = "SerializationException") -> None:
        super().__init__(code, message, 400)
