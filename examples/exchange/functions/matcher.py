"""Takes orders from the FIFO queue, matches them with the book, and says what happened on the fills topic.

A queue delivers at least once. Everything an order does is written in one transaction that holds only if the order has
not been there before and no resting order has changed; what was written but not yet said is said again.
"""

import json
import os
import time
from dataclasses import asdict, replace

import boto3
from boto3.dynamodb.conditions import Key
from exchange import matching, tables

MOST_AT_ONCE = 30  # a transaction takes 100 items; a fill needs three
topic = boto3.client("sns")


def handler(event, context):
    for number, record in enumerate(event["Records"]):
        try:
            process(json.loads(record["body"]), record["attributes"]["SequenceNumber"])
        except Exception as error:
            # Later messages of the group must not overtake this one.
            print(f"order not processed: {type(error).__name__}: {error}")
            failed = event["Records"][number:]
            return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in failed]}
    return {"batchItemFailures": []}


def process(message, sequence):
    known = tables.get("ORDERS_TABLE", order_id=message["order_id"])
    if known:
        if known["owner"] != message["owner"]:
            print(f"order {message['order_id']} is somebody else's; dropped")
            return
        order = matching.order_from(message, known["sequence"])
        order = replace(order, remaining=known["remaining"])
        trades = [dict(trade) for trade in known["trades"]]
        settled, said = known["settled"], known["said"]
    else:
        order, trades, settled, said = matching.order_from(message, sequence), [], False, False
    first = known is None
    while not settled:
        book = resting(order)
        left, changed, fills = matching.match(order, book)
        settled = len(book) < MOST_AT_ONCE or len(fills) < len(book)
        trades += [recorded(trade) for trade in fills]
        save(order, left, book, changed, fills, trades, settled, first)
        order, first = left, False
    if not said:
        for trade in trades:
            topic.publish(TopicArn=os.environ["FILLS_TOPIC"], Message=json.dumps(trade, default=str))
        if order.remaining:
            print(f"order {order.order_id} rests with {order.remaining} {order.symbol}")
        tables.table("ORDERS_TABLE").update_item(
            Key={"order_id": order.order_id}, UpdateExpression="SET said = :yes", ExpressionAttributeValues={":yes": True}
        )


def resting(order):
    """The best orders of the other side; the sort key of the book is price, then time."""
    found = tables.table("BOOK_TABLE").query(
        KeyConditionExpression=Key("symbol").eq(order.symbol)
        & Key("place").begins_with(matching.opposite(order.side) + "#"),
        ConsistentRead=True,
        Limit=MOST_AT_ONCE,
    )
    fields = ("order_id", "symbol", "side", "price", "quantity", "remaining", "owner", "sequence")
    return [matching.Order(**{name: item[name] for name in fields}) for item in found["Items"]]


def recorded(trade):
    return {**asdict(trade), "at": int(time.time() * 1000), "day": time.strftime("%Y-%m-%d", time.gmtime())}


def save(before, order, book, changed, fills, trades, settled, first):
    was = {resting.order_id: resting.remaining for resting in book}
    steps = [order_step(before, order, trades, settled, first)]
    for maker in changed:
        steps += maker_steps(maker, was[maker.order_id])
    steps += [put("TRADES_TABLE", trade) for trade in trades[len(trades) - len(fills):]]
    if settled and order.remaining:
        steps.append(put("BOOK_TABLE", {**asdict(order), "place": order.book_key}))
    # The resource's client takes plain Python values.
    boto3.resource("dynamodb").meta.client.transact_write_items(TransactItems=steps)


def put(variable, item, **condition):
    return {"Put": {"TableName": os.environ[variable], "Item": item, **condition}}


def order_step(before, order, trades, settled, first):
    item = {**asdict(order), "status": status(order), "trades": trades, "settled": settled, "said": False}
    if first:
        return put("ORDERS_TABLE", item, ConditionExpression="attribute_not_exists(order_id)")
    return put(
        "ORDERS_TABLE",
        item,
        ConditionExpression="remaining = :was",
        ExpressionAttributeValues={":was": before.remaining},
    )


def maker_steps(maker, was):
    """The resting order in the book and among the orders: less of it, or gone."""
    place = {"symbol": maker.symbol, "place": maker.book_key}
    unchanged = {"ConditionExpression": "remaining = :was"}
    if maker.remaining:
        values = {":was": was, ":now": maker.remaining}
        in_book = {"Update": {"Key": place, "UpdateExpression": "SET remaining = :now", **unchanged}}
        in_book["Update"]["ExpressionAttributeValues"] = values
    else:
        in_book = {"Delete": {"Key": place, **unchanged, "ExpressionAttributeValues": {":was": was}}}
    for step in in_book.values():
        step["TableName"] = os.environ["BOOK_TABLE"]
    among_orders = {
        "TableName": os.environ["ORDERS_TABLE"],
        "Key": {"order_id": maker.order_id},
        "UpdateExpression": "SET remaining = :now, #status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":now": maker.remaining, ":status": status(maker)},
    }
    return [in_book, {"Update": among_orders}]


def status(order):
    if not order.remaining:
        return "filled"
    return "open" if order.remaining == order.quantity else "partly filled"


