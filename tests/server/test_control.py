"""The control calls of a running platform, in dev."""

from __future__ import annotations

import io
import json
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import eventually, write

from dayfly.testing import Served, serve

APPLICATION = {
    "serverless.yml": """
service: shop
provider:
  name: aws
  runtime: python3.12
functions:
  report:
    handler: code.report
    events:
      - schedule: rate(1 day)
  idle:
    handler: code.report
""",
    "code.py": "def report(event, context):\n    print('reported', event.get('n'))\n    return 'ok'\n",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(application=write(tmp_path_factory.mktemp("shop"), APPLICATION)) as served:
        yield served


@pytest.fixture(scope="module")
def bare() -> Iterator[Served]:
    with serve() as served:
        yield served


def ask(served: Served, method: str, path: str, body: Any = None, account: str = "") -> tuple[int, Any]:
    signed = f"AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0"
    request = urllib.request.Request(
        f"{served.endpoint}/_dayfly/{path}",
        None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
        {"Authorization": signed} if account else {},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_health_says_version_and_services(bare: Served) -> None:
    status, said = ask(bare, "GET", "health")
    assert (status, said["status"]) == (200, "ok")
    assert said["version"]
    assert said["services"]["sqs"] == "running"


def test_reset_forgets_the_account_of_the_key_and_no_other(bare: Served) -> None:
    one, two = "111111111111", "222222222222"
    for account in (one, two):
        bare.client("sqs", account=account).create_queue(QueueName="q")
        bare.client("sns", account=account).create_topic(Name="t")
    assert ask(bare, "POST", "reset", account=one) == (204, None)
    assert not bare.client("sqs", account=one).list_queues().get("QueueUrls")
    assert bare.client("sns", account=one).list_topics()["Topics"] == []
    assert len(bare.client("sqs", account=two).list_queues()["QueueUrls"]) == 1
    assert ask(bare, "POST", "reset?all=1", account=one) == (204, None)
    assert not bare.client("sqs", account=two).list_queues().get("QueueUrls")


def test_mail_is_listed_shown_as_sent_and_thrown_away(bare: Served) -> None:
    ses = bare.client("ses")
    ses.verify_email_identity(EmailAddress="a@example.com")
    body = {"Text": {"Data": "text"}, "Html": {"Data": "<b>html</b>"}}
    to = {"ToAddresses": ["b@example.com"], "CcAddresses": ["c@example.com"]}
    ses.send_email(Source="a@example.com", Destination=to, Message={"Subject": {"Data": "Hello you"}, "Body": body})
    status, said = ask(bare, "GET", "mail?to=b@example.com&subject=Hello")
    assert status == 200
    (mail,) = said["messages"]
    assert {"id", "from", "to", "cc", "bcc", "subject", "text", "html", "headers", "attachments", "at"} <= mail.keys()
    assert (mail["from"], mail["to"], mail["cc"]) == ("a@example.com", ["b@example.com"], ["c@example.com"])
    assert ask(bare, "GET", "mail?to=nobody@example.com") == (200, {"messages": []})
    assert ask(bare, "GET", f"mail?since={mail['at'] + 1}") == (200, {"messages": []})
    with urllib.request.urlopen(f"{bare.endpoint}/_dayfly/mail/{mail['id']}/raw") as raw:
        assert b"Subject: Hello you" in raw.read()
    assert ask(bare, "DELETE", "mail") == (204, None)
    assert ask(bare, "GET", "mail") == (200, {"messages": []})


def test_invocations_are_found_by_any_name_of_the_function(shop: Served) -> None:
    shop.client("lambda").invoke(FunctionName="shop-dev-report", Payload=b'{"n": 1}')
    arn = "arn:aws:lambda:us-east-1:000000000000:function:shop-dev-report"
    for name in ("report", "shop-dev-report", "ReportLambdaFunction", arn):
        status, said = ask(shop, "GET", f"invocations?function={name}")
        assert status == 200
        last = said["invocations"][-1]
        assert (last["function"], last["source"], last["error"]) == ("shop-dev-report", "invoke", None)
        assert {"request_id", "at", "cold", "init_ms", "duration_ms", "billed_ms", "memory_mb"} <= last.keys()
    assert ask(shop, "GET", "invocations?function=idle") == (200, {"invocations": []})
    assert ask(shop, "GET", "invocations?function=nope") == (404, {"message": "there is no function nope"})
    assert ask(shop, "GET", "invocations?since=soon")[0] == 400


def test_tick_fires_schedules_now_and_says_where_there_are_none(shop: Served) -> None:
    before = len(ask(shop, "GET", "invocations?function=report")[1]["invocations"])
    status, said = ask(shop, "POST", "tick", {"function": "report"})
    assert status == 200
    (fired,) = said["fired"]

    def ran() -> bool:
        return len(ask(shop, "GET", "invocations?function=report")[1]["invocations"]) == before + 1

    eventually(ran, "the schedule's function ran")
    assert ask(shop, "POST", "tick", {"schedule": fired}) == (200, {"fired": [fired]})
    assert ask(shop, "POST", "tick", {"function": "idle"}) == (
        404,
        {"message": "no schedule fires the function idle"},
    )
    assert ask(shop, "POST", "tick", {"function": "nope"}) == (404, {"message": "there is no function nope"})
    assert ask(shop, "POST", "tick", {"schedule": "nope"}) == (404, {"message": "there is no schedule nope"})
    for wrong in (b"", b"{", b"[]", b'{"function": 7}', b'{"function": "a", "schedule": "b"}'):
        assert ask(shop, "POST", "tick", wrong)[0] == 400, wrong


def test_usage_counts_requests_and_messages_by_what_they_are_about(bare: Served) -> None:
    account = "333333333333"
    sqs, sns = bare.client("sqs", account=account), bare.client("sns", account=account)
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="1")
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(4)])
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.publish(TopicArn=topic, Message="m")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=url + "x", MessageBody="1")
    said = ask(bare, "GET", "usage", account=account)[1]
    counters = {(one["kind"], one["name"], one["metric"]): one["amount"] for one in said["counters"]}
    assert counters == {
        ("sqs", "jobs", "CreateQueue"): 1,
        ("sqs", "jobs", "SendMessage"): 1,
        ("sqs", "jobs", "SendMessageBatch"): 1,
        ("sqs", "jobs", "messages sent"): 5,
        ("sqs", "jobs", "ReceiveMessage"): 1,
        ("sqs", "jobs", "messages received"): len(received),
        ("sqs", "", "SendMessage"): 1,
        ("sns", "news", "CreateTopic"): 1,
        ("sns", "news", "Publish"): 1,
        ("sns", "news", "messages published"): 1,
    }


def test_usage_sums_the_runs_of_a_function(shop: Served) -> None:
    shop.client("lambda").invoke(FunctionName="shop-dev-report", Payload=b"{}")
    (used,) = [one for one in ask(shop, "GET", "usage")[1]["functions"] if one["function"] == "shop-dev-report"]
    listed = ask(shop, "GET", "invocations?function=report")[1]["invocations"]
    assert used["invocations"] == len(listed)
    assert used["billed_ms"] == sum(one["billed_ms"] for one in listed)


def test_a_function_is_followed_line_by_line_until_the_platform_stops(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    with serve(application=write(tmp_path, APPLICATION)) as served:
        served.client("lambda").invoke(FunctionName="shop-dev-report", Payload=b'{"n": "before"}')
        address = f"{served.endpoint}/_dayfly/logs?function=report&since=0&filter=reported"
        stream = urllib.request.urlopen(address, timeout=20)
        assert stream.headers["Content-Type"] == "text/event-stream"

        def read() -> None:
            with stream:
                lines.extend(json.loads(line[6:]) for line in stream if line.startswith(b"data: "))

        reader = threading.Thread(target=read)
        reader.start()
        eventually(lambda: [one["line"].strip() for one in lines] == ["reported before"], "the line before is there")
        served.client("lambda").invoke(FunctionName="shop-dev-report", Payload=b'{"n": "after"}')
        eventually(lambda: len(lines) == 2, "the new line comes")
        assert lines[1]["line"].strip() == "reported after"
        assert lines[1]["at"] >= lines[0]["at"]
        assert ask(served, "GET", "logs?function=nope") == (404, {"message": "there is no function nope"})
        assert ask(served, "GET", "logs?function=report&filter=%7B")[0] == 400
    reader.join(5)
    assert not reader.is_alive(), "a stream without end does not hold up stopping"


def test_clients_that_wait_do_not_hold_up_the_end(tmp_path: Path) -> None:
    ended: dict[str, Any] = {}
    with serve(drain_s=600) as served:
        sqs = served.client("sqs")
        url = sqs.create_queue(QueueName="empty")["QueueUrl"]
        stream = urllib.request.urlopen(f"{served.endpoint}/_dayfly/mail/events", timeout=30)

        def poll() -> None:
            ended["poll"] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages")

        def follow() -> None:
            with stream:
                ended["mail"] = stream.read()

        threads = [threading.Thread(target=one) for one in (poll, follow)]
        for thread in threads:
            thread.start()
        # Its own connection, the stream and the waiting poll: then all three are there.
        eventually(lambda: served.platform.queues._waiters, "the poll waits")
    for thread in threads:
        thread.join(5)
    assert ended == {"poll": None, "mail": b"retry: 1000\n\n"}


def test_code_and_layers_are_fetched_from_where_lambda_says(bare: Served) -> None:
    client = bare.client("lambda")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): pass\n")
    made = {"Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "index.handler"}
    client.create_function(FunctionName="kept", Code={"ZipFile": packed.getvalue()}, **made)
    location = client.get_function(FunctionName="kept")["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.headers["Content-Type"] == "application/zip"
        assert answer.read() == packed.getvalue()
    layer = client.publish_layer_version(LayerName="shared", Content={"ZipFile": packed.getvalue()})
    with urllib.request.urlopen(layer["Content"]["Location"]) as answer:
        assert answer.read() == packed.getvalue()
    assert ask(bare, "GET", "code/000000000000/us-east-1/nope/$LATEST")[0] == 404
    assert ask(bare, "GET", "layer/000000000000/us-east-1/shared/x")[0] == 404
    assert ask(bare, "GET", "layer/000000000000")[0] == 404


def test_an_unknown_call_is_a_sentence(bare: Served) -> None:
    assert ask(bare, "GET", "dance") == (404, {"message": "there is no call GET /_dayfly/dance"})
    assert ask(bare, "PUT", "reset")[0] == 404
