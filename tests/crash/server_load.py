"""Threads that use a platform over plain HTTP until it is killed, and note what it acknowledged.

Plain HTTP because an SDK's client takes ten times as long for a request as the platform does: the more requests are
under way, the more a kill can break.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"
_GONE = (OSError, http.client.HTTPException)
PASS_ON = """
import http.client, json, os
from urllib.parse import urlsplit

def handler(event, context):
    there = http.client.HTTPConnection(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc)
    body = json.dumps({"QueueUrl": os.environ["RESULTS"], "MessageBody": event["id"]})
    headers = {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0"}
    there.request("POST", "/", body, headers)
    answer = there.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(said)
"""


class Refused(AssertionError):
    """The platform answered, but not with what was asked for."""


class Caller:
    """One connection, used by one thread. Raises OSError or HTTPException once the platform is gone."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def sqs(self, operation: str, **params: Any) -> dict[str, Any]:
        headers = {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        return json.loads(self._ask("POST", "/", json.dumps(params), headers) or "{}")

    def sns(self, operation: str, **params: str) -> str:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": _SIGNED.format("sns")}
        form = urlencode({"Action": operation, "Version": "2010-03-31", **params})
        return self._ask("POST", "/", form, headers).decode()

    def invoke_later(self, function: str, event: dict[str, Any]) -> None:
        headers = {"X-Amz-Invocation-Type": "Event"}
        self._ask("POST", f"/2015-03-31/functions/{function}/invocations", json.dumps(event), headers)

    def _ask(self, method: str, path: str, body: str, headers: dict[str, str]) -> bytes:
        self._connection.request(method, path, body.encode(), headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise Refused(f"{method} {path} {headers}: {answer.status} {said[:500]!r}")
        return said

    def close(self) -> None:
        self._connection.close()


class Ledger:
    """What was tried and what was acknowledged, over all rounds. Sets are grown by one thread each."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.deleting: set[str] = set()
        self.deleted: set[str] = set()
        self.published: set[str] = set()
        self.invoked: set[str] = set()
        self.ordered: list[str] = []
        """What the FIFO queue acknowledged, in order."""
        self.unsure: str | None = None
        """What it may or may not have taken when it died."""
        self.numbers = itertools.count()
        self.failures: list[BaseException] = []


class Load:
    """The threads of one round."""

    def __init__(self, port: int, ledger: Ledger, urls: dict[str, str], topic: str) -> None:
        self._ledger = ledger
        self._urls = urls
        self._topic = topic
        self._port = port
        work = (self.send, self.send, self.order, self.publish, self.consume, self.invoke)
        self._threads = [threading.Thread(target=self._until_gone, args=(one,), daemon=True) for one in work]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a thread of the load hangs"
        if self._ledger.failures:
            raise self._ledger.failures[0]

    def _until_gone(self, work: Callable[[Caller], None]) -> None:
        caller = Caller(self._port)
        try:
            with contextlib.suppress(*_GONE):
                while True:
                    work(caller)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the threads
            self._ledger.failures.append(error)
        finally:
            caller.close()

    def _new(self) -> str:
        return f"m{next(self._ledger.numbers):07}"

    def send(self, caller: Caller) -> None:
        one = self._new()
        caller.sqs("SendMessage", QueueUrl=self._urls["jobs"], MessageBody=one)
        self._ledger.sent.add(one)

    def order(self, caller: Caller) -> None:
        # What was being sent at the kill is sent again: deduplication has to know whether it was taken.
        one = self._ledger.unsure = self._ledger.unsure or self._new()
        caller.sqs("SendMessage", QueueUrl=self._urls["orders.fifo"], MessageBody=one, MessageGroupId="all")
        self._ledger.ordered.append(one)
        self._ledger.unsure = None

    def publish(self, caller: Caller) -> None:
        one = self._new()
        caller.sns("Publish", TopicArn=self._topic, Message=one)
        self._ledger.published.add(one)

    def consume(self, caller: Caller) -> None:
        url = self._urls["jobs"]
        for one in caller.sqs("ReceiveMessage", QueueUrl=url, VisibilityTimeout=0).get("Messages", ()):
            self._ledger.deleting.add(one["Body"])
            caller.sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            self._ledger.deleted.add(one["Body"])

    def invoke(self, caller: Caller) -> None:
        one = self._new()
        caller.invoke_later("pass-on", {"id": one})
        self._ledger.invoked.add(one)
        time.sleep(0.005)  # all that is accepted must also be run before the next round


def prepare(port: int) -> tuple[dict[str, str], str]:
    """The queues by name, and the topic."""
    import boto3

    clients = {
        name: boto3.client(
            name,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for name in ("sqs", "sns", "lambda")
    }
    sqs, sns = clients["sqs"], clients["sns"]
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    urls = {
        name: sqs.create_queue(QueueName=name, Attributes=fifo if name.endswith(".fifo") else {})["QueueUrl"]
        for name in ("jobs", "orders.fifo", "copies", "results")
    }
    topic = sns.create_topic(Name="news")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=urls["copies"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", PASS_ON)
    clients["lambda"].create_function(
        FunctionName="pass-on",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"RESULTS": urls["results"]}},
    )
    return urls, topic


def drain(caller: Caller, url: str) -> Iterator[str]:
    """The bodies in a queue, in the order they come; each batch is deleted before the next is asked for."""
    options = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60}
    while messages := caller.sqs("ReceiveMessage", **options).get("Messages"):
        entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(messages)]
        gone = caller.sqs("DeleteMessageBatch", QueueUrl=url, Entries=entries)
        assert not gone.get("Failed"), gone
        yield from (one["Body"] for one in messages)
