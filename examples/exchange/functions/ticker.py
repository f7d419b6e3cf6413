"""Once a minute: quotes drift a little, and every browser hears of it."""

import random
import time
from decimal import Decimal

from exchange import live, tables

OPENING = {"DAY": Decimal("24.00"), "FLY": Decimal("7.50"), "MAY": Decimal("120.00")}


def handler(event, context):
    quotes = []
    for symbol, opening in OPENING.items():
        known = tables.get("PRICES_TABLE", symbol=symbol)
        last = known["price"] if known else opening
        step = Decimal(random.choice((-3, -2, -1, 1, 2, 3))) / 100
        price = max(Decimal("0.01"), last + step)
        tables.put("PRICES_TABLE", symbol=symbol, price=price, at=int(time.time() * 1000))
        quotes.append({"symbol": symbol, "price": str(price), "change": str(price - last)})
    reached = live.broadcast({"type": "quotes", "quotes": quotes})
    print(f"quotes to {reached} connections")
    return {"reached": reached}
