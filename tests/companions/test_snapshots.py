"""A start repeats the last calls to a companion, not all of them; and what it then has is what was acknowledged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from dayfly.clock import SystemClock
from dayfly.companions import Companions, replay
from dayfly.companions.snapshot import EPOCH_KEY, Snapshots, last_number
from dayfly.front.messages import Request
from dayfly.identity import Caller, Scope
from dayfly.store.memory import MemoryJournal

ONE = Caller(scope=Scope("111111111111", "eu-west-1"), access_key_id="111111111111")
TABLE = {
    "TableName": "table",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}


class World:
    """Companions on a journal that outlives them, and how many calls a fresh child was told again."""

    def __init__(self, directory: Path, records: dict[str, bytes] | None = None) -> None:
        self.records = records if records is not None else {}
        self.directory = directory
        self.companions = Companions(journal=MemoryJournal(self.records), clock=SystemClock(), directory=directory)
        self.companions.load()
        self.told = 0
        forward = self.companions._proxy.forward

        async def counted(url, method, target, headers, body):
            self.told += not target.startswith(("/dayfly/", "/moto-api/"))
            return await forward(url, method, target, headers, body)

        self.companions._proxy.forward = counted  # type: ignore[method-assign]

    async def call(self, service: str, operation: str, params: dict | None = None):
        return await self.companions.call(ONE, service, operation, params or {})

    async def add(self, amount: int) -> None:
        """Not the same when it is done twice."""
        await self.call("dynamodb", "UpdateItem", {
            "TableName": "table", "Key": {"id": {"S": "sum"}}, "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": str(amount)}},
        })  # fmt: skip

    async def sum(self) -> int:
        found = await self.call("dynamodb", "GetItem", {"TableName": "table", "Key": {"id": {"S": "sum"}}})
        return int(found["Item"]["n"]["N"]) if "Item" in found else 0

    async def restarted(self) -> World:
        await self.companions.close()
        return World(self.directory, self.records)


@pytest.fixture
async def world(tmp_path):
    made = World(tmp_path)
    yield made
    await made.companions.close()


async def test_a_start_takes_in_the_snapshot_and_repeats_what_it_does_not_hold(world, monkeypatch):
    monkeypatch.setattr("dayfly.companions.companions.CALLS_AT_THE_END", 1)
    await world.call("dynamodb", "CreateTable", TABLE)
    await world.call("s3", "CreateBucket", {
        "Bucket": "bkt", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"},
    })  # fmt: skip
    await world.call("s3", "PutObject", {"Bucket": "bkt", "Key": "k", "Body": b"small"})
    await world.call("ssm", "PutParameter", {"Name": "/p", "Value": "v", "Type": "String"})
    for _ in range(10):
        await world.add(1)
    again = await world.restarted()
    assert await again.sum() == 10
    assert again.told == 2, "the parameter, which no snapshot holds, and the question"
    assert (await again.call("s3", "ListObjectsV2", {"Bucket": "bkt"}))["Contents"][0]["Size"] == 5
    assert (await again.call("ssm", "GetParameter", {"Name": "/p"}))["Parameter"]["Value"] == "v"
    streams = (await again.call("dynamodbstreams", "ListStreams", {"TableName": "table"}))["Streams"]
    assert len(streams) == 1
    await again.add(5)
    last = await again.restarted()
    assert await last.sum() == 15
    await last.companions.close()


async def test_calls_after_a_snapshot_are_repeated_once(world, monkeypatch):
    await world.call("dynamodb", "CreateTable", TABLE)
    await world.add(1)
    await world.companions._take_snapshot(await world.companions._child.url(), wait=True)
    for _ in range(3):
        await world.add(10)
    again = await world.restarted()  # too few for another one at the end
    assert await again.sum() == 31
    assert again.told == 4
    await again.companions.close()


async def test_snapshots_are_taken_while_calls_go_on(world, monkeypatch):
    monkeypatch.setattr("dayfly.companions.snapshot.FEWEST_CALLS", 20)
    await world.call("dynamodb", "CreateTable", TABLE)
    asked: list[str] = []
    forward = world.companions._proxy.forward

    async def noted(url, method, target, headers, body):
        asked.extend([target] if target.startswith("/dayfly/snapshot") else [])
        return await forward(url, method, target, headers, body)

    world.companions._proxy.forward = noted
    await asyncio.gather(*[world.add(1) for _ in range(100)])
    assert 1 <= len(asked) <= 101 // 20, "one for each so many calls, not one for each call that came meanwhile"
    assert world.companions._snapshots.taken_at >= 20
    for _ in range(200):
        if world.companions._snapshots.path.exists():
            break
        await asyncio.sleep(0.02)
    again = await world.restarted()
    assert await again.sum() == 100
    assert again.told < 102
    await again.companions.close()


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b'{"made_by": "moto 0", "last": 9, "services": {}}\n', b"\x80nothing"]
)
async def test_a_snapshot_that_is_broken_or_of_another_version_is_not_used(world, content):
    await world.call("dynamodb", "CreateTable", TABLE)
    await world.add(7)
    world.companions._snapshots.path.write_bytes(content)
    again = await world.restarted()
    assert await again.sum() == 7
    await again.companions.close()


async def test_a_snapshot_cut_short_is_not_used(world):
    await world.call("dynamodb", "CreateTable", TABLE)
    await world.add(7)
    await world.companions._take_snapshot(await world.companions._child.url(), wait=True)
    path = world.companions._snapshots.path
    assert path.stat().st_mode & 0o777 == 0o600, "it holds what the application keeps"
    path.write_bytes(path.read_bytes()[:-10])
    again = await world.restarted()
    assert await again.sum() == 7
    await again.companions.close()


async def test_forgetting_leaves_no_snapshot_and_a_late_one_brings_nothing_back(world):
    await world.call("dynamodb", "CreateTable", TABLE)
    await world.add(7)
    await world.companions._take_snapshot(await world.companions._child.url(), wait=True)
    late, content = world.companions._snapshots.path, world.companions._snapshots.path.read_bytes()
    await world.companions.reset(ONE.scope.account)
    assert not late.exists()
    late.write_bytes(content)
    assert (await world.call("dynamodb", "ListTables"))["TableNames"] == []
    again = await world.restarted()
    assert (await again.call("dynamodb", "ListTables"))["TableNames"] == []
    await again.companions.close()


async def test_forgetting_all_ends_a_child_whose_calls_are_forgotten_already(world):
    await world.call("dynamodb", "CreateTable", TABLE)
    world.records.clear()  # as the platform does before it tells the companions
    await world.companions.reset()
    assert (await world.call("dynamodb", "ListTables"))["TableNames"] == []


async def test_writes_at_once_are_repeated_in_the_order_in_which_they_were_made(world):
    await world.call("dynamodb", "CreateTable", TABLE)
    put = [{"TableName": "table", "Item": {"id": {"S": "x"}, "v": {"N": str(n)}}} for n in range(40)]
    await asyncio.gather(*[world.call("dynamodb", "PutItem", params) for params in put])
    seen = await world.call("dynamodb", "GetItem", {"TableName": "table", "Key": {"id": {"S": "x"}}})
    again = await world.restarted()
    assert await again.call("dynamodb", "GetItem", {"TableName": "table", "Key": {"id": {"S": "x"}}}) == seen
    await again.companions.close()


async def test_what_was_done_for_a_client_that_went_away_is_kept(world):
    await world.call("dynamodb", "CreateTable", TABLE)
    body = json.dumps({"TableName": "table", "Item": {"id": {"S": "gone"}}}).encode()
    headers = [
        ("Host", "x"),
        ("X-Amz-Target", "DynamoDB_20120810.PutItem"),
        ("Content-Type", "application/x-amz-json-1.0"),
    ]
    asking = asyncio.ensure_future(world.companions.answer(Request("POST", "/", headers, body), "dynamodb", ONE.scope))
    while not world.companions._order["dynamodb"].locked():
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.gather(*world.companions._tasks)
    assert any(b"gone" in value for value in world.records.values())


def test_the_last_number_is_found_without_reading_all():
    journal = MemoryJournal({replay.key_of(n): b"" for n in (1, 9, 10, 98, 1203)} | {EPOCH_KEY: b"1"})
    assert last_number(journal, replay.PREFIX, replay.DIGITS) == 1203
    assert last_number(MemoryJournal(), replay.PREFIX, replay.DIGITS) == 0


def test_the_larger_the_state_the_rarer_the_snapshots(tmp_path):
    snapshots = Snapshots(tmp_path)
    snapshots.begin("e")
    assert not snapshots.due(499)
    assert snapshots.due(500)
    snapshots.path.write_bytes(bytes(20_000_000))
    assert not snapshots.due(999)
    assert snapshots.due(1000)
