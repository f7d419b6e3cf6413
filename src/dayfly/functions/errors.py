"""What can go wrong with functions; messages are AWS's own.

https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html and the error tables of each operation.
"""

from __future__ import annotations

from dayfly.errors import Error


class NotFound(Error):
    """The resource you requested does not exist."""


class FunctionNotFound(NotFound):
    """Function not found"""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Function not found: {arn}")
        self.arn = arn


class Conflict(Error):
    """The resource already exists, or another operation is in progress."""


class InvalidParameter(Error):
    """One of the parameters in the request is not valid."""


class ValidationFailed(Error):
    """1 validation error detected."""


class PreconditionFailed(Error):
    """The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve \
the latest Revision Id"""


class InvalidRequestContent(Error):
    """The request body could not be parsed as JSON."""


class RequestTooLarge(Error):
    """The request payload exceeded the Invoke request body JSON input quota."""


class CodeTooLarge(Error):
    """The code is larger than what is allowed."""


class TooManyRequests(Error):
    """Rate Exceeded."""

    def __init__(self, reason: str = "ConcurrentInvocationLimitExceeded") -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason
