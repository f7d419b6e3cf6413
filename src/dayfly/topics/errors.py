"""What topics refuse, in the words of SNS.

https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
"""

from __future__ import annotations

from dayfly.errors import Error


class NotFound(Error):
    """Topic does not exist"""


class InvalidParameter(Error):
    """Invalid parameter"""


class ResourceNotFound(Error):
    """Resource does not exist"""


class TagLimitExceeded(Error):
    """Could not complete request: tag quota of per resource exceeded"""


class EmptyBatchRequest(Error):
    """The batch request doesn't contain any entries."""


class TooManyEntriesInBatchRequest(Error):
    """The batch request contains more entries than permissible."""


class BatchEntryIdsNotDistinct(Error):
    """Two or more batch entries in the request have the same Id."""


class InvalidBatchEntryId(Error):
    """The Id of a batch entry in a batch request doesn't abide by the specification."""


class BatchRequestTooLong(Error):
    """The length of all the batch messages put together is more than the limit."""
