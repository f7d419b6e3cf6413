"""What a function answers, as a proxy integration reads it."""

from __future__ import annotations

import pytest

from dayfly.gateways.responses import Malformed, reply_v1, reply_v2


@pytest.mark.parametrize("payload", [b'"\xff"', b'{"\xff": 1}', b"[" * 100_000, b"{", b"\0"])
def test_what_is_no_json_is_malformed_whatever_is_wrong_with_it(payload: bytes) -> None:
    with pytest.raises(Malformed):
        reply_v1(payload)
    with pytest.raises(Malformed):
        reply_v2(payload)
