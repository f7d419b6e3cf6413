"""Fills from the notification queue become mails to both sides."""

import json

from exchange import mail


def handler(event, context):
    for record in event["Records"]:
        trade = json.loads(json.loads(record["body"])["Message"])
        for who, verb in ((trade["buyer"], "bought"), (trade["seller"], "sold")):
            mail.send(
                who,
                f"You {verb} {trade['quantity']} {trade['symbol']}",
                f"Your order was filled: {trade['quantity']} {trade['symbol']} at {trade['price']}.",
                f"Trade {trade['trade_id']}.",
            )
