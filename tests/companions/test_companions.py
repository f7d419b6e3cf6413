"""Services of others: separated by account, there again after a restart, gone with the platform."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dayfly.api import Refused
from dayfly.clock import SystemClock
from dayfly.companions import Companions
from dayfly.front.messages import Request
from dayfly.identity import Caller, Scope
from dayfly.store.memory import MemoryJournal

ONE = Caller(scope=Scope("111111111111", "eu-west-1"), access_key_id="111111111111")
TWO = Caller(scope=Scope("222222222222", "eu-west-1"), access_key_id="222222222222")
SIGNED = (
    "Authorization",
    "AWS4-HMAC-SHA256 Credential=111111111111/20200101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0",
)
TABLE = {
    "TableName": "t",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def companions_on(journal, directory, **more) -> Companions:
    made = Companions(journal=journal, clock=SystemClock(), directory=Path(directory), **more)
    made.load()
    return made


async def test_a_companion_starts_once_separates_accounts_and_comes_back_with_its_state(tmp_path):
    records: dict[str, bytes] = {}
    first = companions_on(MemoryJournal(records), tmp_path)
    assert not first.running
    try:
        made, _ = await asyncio.gather(
            first.call(ONE, "dynamodb", "CreateTable", TABLE), first.call(TWO, "dynamodb", "ListTables", {})
        )
        assert made["TableDescription"]["TableArn"] == "arn:aws:dynamodb:eu-west-1:111111111111:table/t"
        assert (await first.call(TWO, "dynamodb", "ListTables", {}))["TableNames"] == []
        await first.call(ONE, "dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": "a"}}})
        await first.call(ONE, "s3", "CreateBucket", {
            "Bucket": "bkt", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"},
        })  # fmt: skip
        await first.call(ONE, "s3", "PutObject", {"Bucket": "bkt", "Key": "k/1", "Body": b"x" * 3_000_000})
        await first.call(ONE, "ssm", "PutParameter", {"Name": "/p", "Value": "v", "Type": "String"})
        secret = await first.call(ONE, "secretsmanager", "CreateSecret", {"Name": "s", "SecretString": "w"})
        pool = await first.call(ONE, "cognito-idp", "CreateUserPool", {"PoolName": "p"})
        with pytest.raises(Refused) as refused:
            await first.call(TWO, "dynamodb", "GetItem", {"TableName": "t", "Key": {"id": {"S": "a"}}})
        assert refused.value.code == "ResourceNotFoundException"
        # It is started again when it died, with what was acknowledged.
        before = first.pid
        os.kill(before, signal.SIGKILL)
        await asyncio.sleep(0.2)
        found = await first.call(ONE, "dynamodb", "GetItem", {"TableName": "t", "Key": {"id": {"S": "a"}}})
        assert found["Item"] == {"id": {"S": "a"}}
        assert first.pid != before
    finally:
        await first.close()
    assert not first.running

    again = companions_on(MemoryJournal(records), tmp_path)
    try:
        found = await again.call(ONE, "secretsmanager", "GetSecretValue", {"SecretId": "s"})
        assert (found["ARN"], found["SecretString"]) == (secret["ARN"], "w")
        pools = await again.call(ONE, "cognito-idp", "ListUserPools", {"MaxResults": 5})
        assert [one["Id"] for one in pools["UserPools"]] == [pool["UserPool"]["Id"]]
        whole = await again.answer(Request("GET", "/bkt/k/1", [("Host", "127.0.0.1:4566"), SIGNED]), "s3", ONE.scope)
        assert whole.status == 200
        assert not isinstance(whole.body, bytes)  # handed on in chunks
        assert sum([len(chunk) async for chunk in whole.body]) == 3_000_000
        hosted = await again.answer(
            Request("HEAD", "/k/1", [("Host", "bkt.s3.amazonaws.com"), SIGNED]), "s3", ONE.scope
        )
        assert hosted.status == 200
        await again.reset()
        assert (await again.call(ONE, "dynamodb", "ListTables", {}))["TableNames"] == []
    finally:
        await again.close()


async def test_a_named_endpoint_is_asked_instead_and_its_absence_is_a_503(tmp_path):
    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        await writer.drain()
        writer.close()

    seen: list[bytes] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    companions = companions_on(MemoryJournal(), tmp_path, endpoints={"dynamodb": f"http://127.0.0.1:{port}/base"})
    request = Request("POST", "/", [("Host", "x"), ("X-Amz-Target", "DynamoDB_20120810.ListTables")], b"{}")
    response = await companions.answer(request, "dynamodb", ONE.scope)
    assert (response.status, response.body) == (200, b"{}")
    assert seen[0].startswith(b"POST /base/ HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}".encode() in seen[0]
    server.close()
    await server.wait_closed()
    response = await companions.answer(request, "dynamodb", ONE.scope)
    assert response.status == 503
    assert b"ServiceUnavailableException" in response.body
    await companions.close()


PLATFORM = """
import asyncio, sys
from pathlib import Path
from dayfly.clock import SystemClock
from dayfly.companions import Companions
from dayfly.store.memory import MemoryJournal

async def main():
    companions = Companions(journal=MemoryJournal(), clock=SystemClock(), directory=Path(sys.argv[1]))
    await companions._child.url()
    print(companions.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_killing_the_platform_leaves_no_child(tmp_path):
    source = Path(__file__).parents[2] / "src"
    platform = subprocess.Popen(
        [sys.executable, "-c", PLATFORM, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    child = int(platform.stdout.readline())
    platform.kill()
    platform.wait()
    platform.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _alive(child):
        time.sleep(0.02)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
