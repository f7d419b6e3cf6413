"""What an application listens to and does not make itself is there in `dayfly dev`, empty, under its own ARN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
from processes import command, eventually, running, write

ELSEWHERE = "111122223333"
FILES = {
    "serverless.yml": f"""
service: listener
provider: {{name: aws, runtime: python3.12}}
functions:
  jobs: {{handler: code.jobs, events: [{{sqs: "arn:aws:sqs:us-east-1:{ELSEWHERE}:jobs"}}]}}
  news: {{handler: code.news, events: [{{sns: "arn:aws:sns:us-east-1:{ELSEWHERE}:news"}}]}}
  rows: {{handler: code.rows, events: [{{stream: "arn:aws:kinesis:us-east-1:{ELSEWHERE}:stream/rows"}}]}}
  told:
    handler: code.told
    events:
      - eventBridge: {{eventBus: "arn:aws:events:us-east-1:000000000000:event-bus/shop", pattern: {{source: [x]}}}}
""",
    "code.py": """
import base64
def jobs(event, context): print("heard", event["Records"][0]["body"])
def news(event, context): print("heard", event["Records"][0]["Sns"]["Message"])
def rows(event, context): print("heard", base64.b64decode(event["Records"][0]["kinesis"]["data"]).decode())
def told(event, context): print("heard", event["detail-type"])
""",
}


def test_an_application_hears_what_is_sent_to_what_others_make(tmp_path: Path) -> None:
    application = write(tmp_path / "application", FILES)
    with running("dev", "--json", "--port", "0", cwd=application) as dayfly:
        endpoint = dayfly.ready()["endpoint"]

        def client(service: str, account: str = ELSEWHERE) -> Any:
            session = boto3.session.Session(account, "any", region_name="us-east-1")
            return session.client(service, endpoint_url=endpoint)

        client("sqs").send_message(QueueUrl=f"{endpoint}/{ELSEWHERE}/jobs", MessageBody="job")
        client("sns").publish(TopicArn=f"arn:aws:sns:us-east-1:{ELSEWHERE}:news", Message="news")
        client("kinesis").put_record(StreamName="rows", Data=b"row", PartitionKey="1")
        entry = {"Source": "x", "DetailType": "sold", "Detail": "{}", "EventBusName": "shop"}
        client("events", "000000000000").put_events(Entries=[entry])
        for key, said in (("jobs", "job"), ("news", "news"), ("rows", "row"), ("told", "sold")):

            def heard(key: str = key, said: str = said) -> bool:
                return f"heard {said}" in command("logs", key, "--endpoint", endpoint, cwd=application).stdout

            eventually(heard, f"{key} hears of {said}")
        assert dayfly.stop() == 0
        assert f"arn:aws:sqs:us-east-1:{ELSEWHERE}:jobs is not of this application" in dayfly.stderr
        assert "Traceback" not in dayfly.stderr
