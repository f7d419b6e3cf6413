"""Every night: what was traded, by mail to operations."""

import os
import time
from decimal import Decimal

from boto3.dynamodb.conditions import Attr
from exchange import mail, tables


def handler(event, context):
    day = (event.get("time") or time.strftime("%Y-%m-%d", time.gmtime()))[:10]
    totals = {}
    for trade in tables.every("TRADES_TABLE", FilterExpression=Attr("day").eq(day)):
        count, volume, turnover = totals.get(trade["symbol"], (0, Decimal(0), Decimal(0)))
        totals[trade["symbol"]] = (
            count + 1,
            volume + trade["quantity"],
            turnover + trade["quantity"] * trade["price"],
        )
    lines = [
        f"{symbol}: {count} trades, {volume} shares, {turnover} in all"
        for symbol, (count, volume, turnover) in sorted(totals.items())
    ]
    mail.send(os.environ["OPERATIONS"], f"Trading report {day}", *(lines or ["Nothing was traded."]))
    return {"day": day, "symbols": len(totals)}
