"""The matcher of the exchange: price, then time; nothing made, nothing lost."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

EXAMPLE = Path(__file__).parents[2] / "examples" / "exchange"
sys.path.insert(0, str(EXAMPLE / "layers" / "shared" / "python"))

from exchange import matching  # noqa: E402 - found by the line above
from exchange.matching import Order  # noqa: E402


def order(number: int, side: str, price: str, quantity: str, symbol: str = "DAY") -> Order:
    size = Decimal(quantity)
    return Order(f"o{number}", symbol, side, Decimal(price), size, size, f"u{number}@example.com", f"{number:020d}")


def test_the_best_price_is_served_first_and_the_earlier_of_one_price():
    book = [order(1, "sell", "10.10", "5"), order(3, "sell", "10.00", "5"), order(2, "sell", "10.00", "5")]
    left, changed, trades = matching.match(order(9, "buy", "10.10", "12"), book)
    assert [(trade.sell_order, trade.price, trade.quantity) for trade in trades] == [
        ("o2", Decimal("10.00"), Decimal(5)),
        ("o3", Decimal("10.00"), Decimal(5)),
        ("o1", Decimal("10.10"), Decimal(2)),
    ]
    assert left.remaining == 0
    assert [one.remaining for one in changed] == [0, 0, 3]


def test_the_highest_buyer_is_served_first_at_the_buyers_price():
    book = [order(1, "buy", "9.00", "1"), order(2, "buy", "11.00", "1")]
    left, _, trades = matching.match(order(9, "sell", "8.00", "1"), book)
    assert [(trade.buyer, trade.price) for trade in trades] == [("u2@example.com", Decimal("11.00"))]
    assert left.remaining == 0


def test_an_order_that_meets_nobody_keeps_what_is_left():
    left, changed, trades = matching.match(order(9, "buy", "9.99", "1.5"), [order(1, "sell", "10.00", "1")])
    assert (left.remaining, changed, trades) == (Decimal("1.5"), [], [])


def test_the_same_two_orders_make_the_same_trade():
    first = matching.match(order(9, "buy", "10", "1"), [order(1, "sell", "10", "1")])[2]
    assert first == matching.match(order(9, "buy", "10", "1"), [order(1, "sell", "10", "1")])[2]


@pytest.mark.parametrize(
    "change",
    [{"price": "1.005"}, {"price": "-1"}, {"price": "NaN"}, {"quantity": "0"}, {"quantity": "x"}, {"side": "hold"}],
)
def test_what_is_no_order_is_refused(change):
    message = {"order_id": "o", "symbol": "DAY", "side": "buy", "price": "1.00", "quantity": "1", "owner": "u"}
    with pytest.raises(matching.Rejected):
        matching.order_from({**message, **change}, "1")


prices = st.integers(1, 300).map(lambda cents: f"{cents / 100:.2f}")
sizes = st.integers(1, 50).map(str)


@given(st.lists(st.tuples(prices, sizes), max_size=12), st.sampled_from(["buy", "sell"]), prices, sizes)
def test_nothing_is_made_or_lost_and_no_limit_is_passed(resting, side, price, size):
    book = [order(n, matching.opposite(side), p, s) for n, (p, s) in enumerate(resting)]
    incoming = order(99, side, price, size)
    left, changed, trades = matching.match(incoming, book)
    traded = sum((trade.quantity for trade in trades), Decimal(0))
    assert incoming.remaining - left.remaining == traded
    was = {one.order_id: one.remaining for one in book}
    assert sum((was[one.order_id] - one.remaining for one in changed), Decimal(0)) == traded
    assert all(one.remaining >= 0 for one in [*changed, left])
    for trade in trades:
        assert trade.price <= incoming.price if side == "buy" else trade.price >= incoming.price
    if left.remaining:
        now = {**was, **{one.order_id: one.remaining for one in changed}}
        assert not any(now[one.order_id] and matching.crosses(left, one) for one in book)
    keys = [one.book_key for one in changed]
    assert keys == sorted(keys)
