"""What went wrong → what AWS would say: the one place where domain errors become error codes.

Common codes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Mapping

from dayfly.api import Fault, Refused
from dayfly.errors import Error, Unavailable, Unsupported
from dayfly.wire.faults import WireError
from dayfly.wire.refusals import Rejected

Faults = Mapping[type[Error], Fault]

_INTERNAL = "An internal error occurred; the server's log has its traceback."


def wire_error(faults: Faults, error: BaseException) -> WireError:
    """The error's code, sentence, status and members. Anything that is not an `Error` is an InternalFailure, 500."""
    if isinstance(error, (Refused, Rejected)):
        return WireError(error.code, error.message, error.status, error.members)
    for kind in type(error).__mro__:
        fault = faults.get(kind)
        if fault is not None and isinstance(error, Error):
            # A modelled member besides the message may be an attribute `members` of the error.
            return WireError(fault.code, error.message, fault.status, getattr(error, "members", None))
    if isinstance(error, Unsupported):
        return WireError("UnsupportedOperation", error.message, 501)
    if isinstance(error, Unavailable):
        return WireError("ServiceUnavailable", error.message, 503)
    return WireError("InternalFailure", error.message if isinstance(error, Error) else _INTERNAL, 500)
