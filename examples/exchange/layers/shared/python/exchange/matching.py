"""The matcher: price-time priority, exact decimals, no I/O.

A buyer pays at most their limit, a seller gets at least theirs; a trade happens at the price of the order that was there
first. Among orders of one price the earlier one is served first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

PRICE_DIGITS = 12
_HIGHEST = 10**PRICE_DIGITS - 1


@dataclass(frozen=True)
class Order:
    order_id: str
    symbol: str
    side: str  # "buy" or "sell"
    price: Decimal
    quantity: Decimal
    remaining: Decimal
    owner: str
    sequence: str = ""  # grows with time; the queue gives it

    @property
    def book_key(self) -> str:
        """Sorts the best order first: the lowest price of sellers, the highest of buyers, then the earliest."""
        ticks = int(self.price * 100)
        rank = ticks if self.side == "sell" else _HIGHEST - ticks
        return f"{self.side}#{rank:0{PRICE_DIGITS}d}#{self.sequence.zfill(20)}#{self.order_id}"


@dataclass(frozen=True)
class Trade:
    trade_id: str
    symbol: str
    price: Decimal
    quantity: Decimal
    buyer: str
    seller: str
    buy_order: str
    sell_order: str


class Rejected(ValueError):
    """The order is not valid."""


def opposite(side: str) -> str:
    return "sell" if side == "buy" else "buy"


def crosses(incoming: Order, resting: Order) -> bool:
    if incoming.side == "buy":
        return resting.price <= incoming.price
    return resting.price >= incoming.price


def match(incoming: Order, resting: list[Order]) -> tuple[Order, list[Order], list[Trade]]:
    """Match an order against the other side of the book (in any order).

    Returns the incoming order with what is left of it, the resting orders that changed (`remaining` 0: filled), and the
    trades in the order they happened.
    """
    changed: list[Order] = []
    trades: list[Trade] = []
    for best in sorted(resting, key=lambda order: order.book_key):
        if incoming.remaining <= 0 or not crosses(incoming, best):
            break
        quantity = min(incoming.remaining, best.remaining)
        buy, sell = (incoming, best) if incoming.side == "buy" else (best, incoming)
        trades.append(
            Trade(
                # The same two orders meet once: redelivered orders make the same trade again, not another one.
                trade_id=f"{incoming.order_id}.{best.order_id}",
                symbol=incoming.symbol,
                price=best.price,
                quantity=quantity,
                buyer=buy.owner,
                seller=sell.owner,
                buy_order=buy.order_id,
                sell_order=sell.order_id,
            )
        )
        incoming = replace(incoming, remaining=incoming.remaining - quantity)
        changed.append(replace(best, remaining=best.remaining - quantity))
    return incoming, changed, trades


def order_from(message: dict, sequence: str) -> Order:
    """An order as the queue carries it. Raises Rejected."""
    quantity = positive(message.get("quantity"), "quantity")
    return Order(
        order_id=str(message["order_id"]),
        symbol=str(message["symbol"]),
        side=side_of(message.get("side")),
        price=price_of(message.get("price")),
        quantity=quantity,
        remaining=quantity,
        owner=str(message["owner"]),
        sequence=sequence,
    )


def side_of(value: object) -> str:
    if value not in ("buy", "sell"):
        raise Rejected("side must be buy or sell")
    return str(value)


def positive(value: object, name: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise Rejected(f"{name} must be a number") from None
    if not number.is_finite() or number <= 0 or number > 1_000_000_000:
        raise Rejected(f"{name} must be positive")
    if number != number.quantize(Decimal("0.0001")):
        raise Rejected(f"{name} has too many decimals")
    return number


def price_of(value: object) -> Decimal:
    price = positive(value, "price")
    if price != price.quantize(Decimal("0.01")):
        raise Rejected("price must be in whole cents")
    return price
