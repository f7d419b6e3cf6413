"""What a queue refuses, in the words of SQS.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from dayfly.errors import Error


class QueueDoesNotExist(Error):
    """The specified queue does not exist."""


class QueueNameExists(Error):
    """A queue with this name already exists with different attributes."""


class InvalidParameterValue(Error):
    """A parameter has a value that is not allowed."""

    @classmethod
    def of(cls, value: object, name: str, reason: str) -> InvalidParameterValue:
        return cls(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


class MissingParameter(Error):
    """A parameter that this request needs is missing."""


class InvalidAttributeName(Error):
    """The specified attribute doesn't exist."""


class InvalidAttributeValue(Error):
    """A queue attribute value is invalid."""


class InvalidMessageContents(Error):
    """The message contains characters outside the allowed set."""


class ReceiptHandleIsInvalid(Error):
    """The specified receipt handle isn't valid."""


class MessageNotInflight(Error):
    """The specified message isn't in flight."""


class OverLimit(Error):
    """The maximum number of in flight messages is reached."""


class PurgeQueueInProgress(Error):
    """Only one PurgeQueue operation is allowed every 60 seconds."""


class UnsupportedOperation(Error):
    """This operation is not possible on this queue."""


class ResourceNotFound(Error):
    """The resource that you specified for the ResourceArn parameter doesn't exist."""


class EmptyBatchRequest(Error):
    """The batch request doesn't contain any entries."""


class TooManyEntriesInBatchRequest(Error):
    """The batch request contains more entries than permissible."""


class BatchEntryIdsNotDistinct(Error):
    """Two or more batch entries in the request have the same Id."""


class InvalidBatchEntryId(Error):
    """A batch entry id can only contain alphanumeric characters, hyphens and underscores.
    It can be at most 80 letters long."""


class BatchRequestTooLong(Error):
    """The length of all the messages put together is more than the limit."""
