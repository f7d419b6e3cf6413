"""Sessions of botocore that know nothing of the AWS configuration of whoever started the platform.

With `AWS_PROFILE` set to a profile that is not there, every client of an ordinary session fails, though region,
endpoint and credentials are given; and a profile that is there may change how requests are made.

See https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.session import Session

_NONE = (None, None, None, None)


def own_session() -> Session:
    """A new session. Its clients are given region, endpoint and credentials by who makes them."""
    from botocore.session import Session

    nowhere = (None, None, os.devnull, None)
    return Session(session_vars={"profile": _NONE, "config_file": nowhere, "credentials_file": nowhere})
