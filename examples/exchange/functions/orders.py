"""Order entry: checked, then queued. The FIFO queue keeps each symbol's orders in order, and each order once."""

import json
import os
import time
import uuid

import boto3
from exchange import matching, tables, web

queue = boto3.client("sqs")
SYMBOLS = ("DAY", "FLY", "MAY")


@web.route
def place(event, context):
    owner = web.signed_in(event)
    body = web.body_of(event)
    symbol = web.text_of(body, "symbol", 10).upper()
    if symbol not in SYMBOLS:
        raise web.Problem(400, f"symbol must be one of {', '.join(SYMBOLS)}")
    message = {
        # Clients may name their order, so that sending it again after a lost answer places it once.
        "order_id": str(body.get("order_id") or uuid.uuid4()),
        "symbol": symbol,
        "side": body.get("side"),
        "price": str(body.get("price")),
        "quantity": str(body.get("quantity")),
        "owner": owner,
        "at": int(time.time() * 1000),
    }
    try:
        matching.order_from(message, "0")
    except matching.Rejected as error:
        raise web.Problem(400, str(error)) from None
    queue.send_message(
        QueueUrl=os.environ["ORDERS_QUEUE"],
        MessageBody=json.dumps(message),
        MessageGroupId=symbol,
        MessageDeduplicationId=message["order_id"][:128],
    )
    return web.answer(202, {"order_id": message["order_id"], "status": "queued"})


@web.route
def show(event, context):
    owner = web.signed_in(event)
    order = tables.get("ORDERS_TABLE", order_id=event["pathParameters"]["order_id"])
    if not order or order["owner"] != owner:
        raise web.Problem(404, "there is no such order of yours")
    shown = ("order_id", "symbol", "side", "price", "quantity", "remaining", "status")
    return web.answer(200, {name: order[name] for name in shown})
