"""A second start on the same state directory: everything is still there, under the same names."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from processes import Running, eventually, free_port, running, write

from dayfly.testing import serve

APPLICATION = {
    "serverless.yml": """
service: kept
provider:
  name: aws
  runtime: python3.12
functions:
  hello:
    handler: code.hello
    events:
      - httpApi: GET /hello
      - http: GET /old
      - websocket: $connect
    url: true
resources:
  Resources:
    Jobs:
      Type: AWS::SQS::Queue
      Properties:
        QueueName: jobs
""",
    "code.py": "def hello(event, context):\n    print('hello there')\n    return {'statusCode': 200, 'body': 'hi'}\n",
}


def test_what_was_there_is_there_again_after_a_stop(tmp_path: Path) -> None:
    write(tmp_path, APPLICATION)
    words = ("dev", "--json", "--port", str(free_port()), "--http-port", str(free_port()))
    words += ("--websocket-port", str(free_port()))
    with running(*words, cwd=tmp_path) as dayfly:
        first = dayfly.ready()
        clients = Clients(first["endpoint"])
        queue = first["stacks"][0]["resources"]["Jobs"]["id"]
        clients.sqs("SendMessage", QueueUrl=queue, MessageBody="kept")
        clients.form("email", Action="VerifyEmailIdentity", Version="2010-12-01", EmailAddress="a@example.com")
        mail = {"Source": "a@example.com", "Destination.ToAddresses.member.1": "b@example.com"}
        mail |= {"Message.Subject.Data": "kept", "Message.Body.Text.Data": "text"}
        clients.form("email", Action="SendEmail", Version="2010-12-01", **mail)
        for api in first["stacks"][0]["apis"]:
            if api["kind"] == "http":
                assert urllib.request.urlopen(f"{api['url']}/hello").read() == b"hi"
        eventually(lambda: clients.control("invocations?function=hello")["invocations"], "the invocation is metered")
        before = clients.everything()
        assert dayfly.stop() == 0
    with running(*words, cwd=tmp_path) as dayfly:
        second = dayfly.ready()
        assert second == first
        assert clients.everything() == before
        (message,) = clients.sqs("ReceiveMessage", QueueUrl=queue)["Messages"]
        assert message["Body"] == "kept"
        assert not [line for line in dayfly.lines if line["event"] == "reload"]


class Clients:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def sqs(self, operation: str, **params: Any) -> Any:
        headers = {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        return json.loads(self._ask("/", json.dumps(params).encode(), headers) or b"{}")

    def form(self, signing_name: str, **params: str) -> bytes:
        scope = f"Credential=test/20260101/us-east-1/{signing_name}/aws4_request"
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._ask("/", urllib.parse.urlencode(params).encode(), headers)

    def control(self, path: str) -> Any:
        return json.loads(self._ask(f"/_dayfly/{path}", None, {}))

    def everything(self) -> dict[str, Any]:
        """What must outlive a restart, as far as it stays as it was by itself."""
        headers = {"X-Amz-Target": "Logs_20140328.FilterLogEvents", "Content-Type": "application/x-amz-json-1.1"}
        group = json.dumps({"logGroupName": "/aws/lambda/kept-dev-hello"}).encode()
        return {
            "mail": self.control("mail"),
            "invocations": self.control("invocations"),
            "logs": json.loads(self._ask("/", group, headers))["events"],
            "functions": self.control("usage")["functions"],
        }

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.endpoint + path, body, headers), timeout=20) as answer:
            return answer.read()


def test_an_empty_change_of_ports_keeps_the_ids_of_apis(tmp_path: Path) -> None:
    """On other ports the URLs change, and nothing else does."""
    application = write(tmp_path / "application", APPLICATION)
    ids = []
    for _ in range(2):
        with serve(application=application, state=tmp_path / "state") as served:
            ids.append([(api["kind"], api["id"], api["stage"]) for api in served.record["stacks"][0]["apis"]])
    assert ids[0] == ids[1]
    assert {kind for kind, _, _ in ids[0]} == {"http", "rest", "websocket", "url"}


def test_the_log_names_no_fault_after_a_normal_life(tmp_path: Path) -> None:
    write(tmp_path, APPLICATION)
    dayfly = Running("dev", "--json", "--port", "0", cwd=tmp_path)
    try:
        dayfly.ready()
        assert dayfly.stop() == 0
        assert not (tmp_path / ".dayfly" / "dayfly.log").exists(), (tmp_path / ".dayfly" / "dayfly.log").read_text()
    finally:
        dayfly.kill()
