"""The matcher function with its tables: an order is done once, however often it is delivered."""

from __future__ import annotations

import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

EXAMPLE = Path(__file__).parents[2] / "examples" / "exchange"
sys.path.insert(0, str(EXAMPLE / "layers" / "shared" / "python"))
KEYS = {
    "ORDERS_TABLE": ["order_id"],
    "BOOK_TABLE": ["symbol", "place"],
    "TRADES_TABLE": ["trade_id"],
}


@pytest.fixture
def matcher(monkeypatch):
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    with mock_aws():
        database = boto3.client("dynamodb")
        for variable, keys in KEYS.items():
            monkeypatch.setenv(variable, variable)
            database.create_table(
                TableName=variable,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
            )
        topic = boto3.client("sns").create_topic(Name="fills")["TopicArn"]
        monkeypatch.setenv("FILLS_TOPIC", topic)
        from exchange import tables

        tables.table.cache_clear()
        spec = importlib.util.spec_from_file_location("matcher", EXAMPLE / "functions" / "matcher.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.said = []
        module.topic.publish = lambda **said: module.said.append(json.loads(said["Message"]))
        yield module


def record(number: int, side: str, price: str, quantity: str) -> dict:
    body = {
        "order_id": f"o{number}", "symbol": "DAY", "side": side, "price": price, "quantity": quantity,
        "owner": f"u{number}@example.com", "at": 0,
    }  # fmt: skip
    return {"messageId": f"m{number}", "body": json.dumps(body), "attributes": {"SequenceNumber": f"{number}"}}


def items(variable: str) -> list[dict]:
    return boto3.resource("dynamodb").Table(variable).scan()["Items"]


def test_orders_meet_partly_and_the_rest_waits_in_the_book(matcher):
    records = [record(1, "sell", "10.00", "5"), record(2, "sell", "9.00", "1"), record(3, "buy", "10.00", "4")]
    assert matcher.handler({"Records": records}, None) == {"batchItemFailures": []}
    assert [(trade["price"], trade["quantity"], trade["seller"]) for trade in matcher.said] == [
        ("9.00", "1", "u2@example.com"),
        ("10.00", "3", "u1@example.com"),
    ]
    (waiting,) = items("BOOK_TABLE")
    assert (waiting["order_id"], waiting["remaining"]) == ("o1", Decimal(2))
    status = {order["order_id"]: order["status"] for order in items("ORDERS_TABLE")}
    assert status == {"o1": "partly filled", "o2": "filled", "o3": "filled"}


def test_an_order_delivered_twice_is_done_once(matcher):
    records = [record(1, "sell", "10.00", "5"), record(2, "buy", "10.00", "3")]
    for _ in range(2):
        matcher.handler({"Records": records}, None)
    assert len(matcher.said) == 1
    assert len(items("TRADES_TABLE")) == 1
    assert items("BOOK_TABLE")[0]["remaining"] == Decimal(2)


def test_what_was_done_but_not_said_is_said_on_the_next_delivery(matcher):
    publish, matcher.topic.publish = matcher.topic.publish, None
    records = [record(1, "sell", "10.00", "5"), record(2, "buy", "10.00", "3"), record(3, "buy", "1.00", "1")]
    failed = matcher.handler({"Records": records}, None)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m3"}]}
    matcher.topic.publish = publish
    assert matcher.handler({"Records": records[1:]}, None) == {"batchItemFailures": []}
    assert [trade["trade_id"] for trade in matcher.said] == ["o2.o1"]
    assert len(items("TRADES_TABLE")) == 1


def test_an_order_larger_than_one_transaction_goes_on_until_it_is_filled(matcher):
    records = [record(number, "sell", "10.00", "1") for number in range(1, 36)]
    matcher.handler({"Records": [*records, record(99, "buy", "10.00", "40")]}, None)
    assert len(matcher.said) == 35
    (waiting,) = items("BOOK_TABLE")
    assert (waiting["order_id"], waiting["remaining"]) == ("o99", Decimal(5))
