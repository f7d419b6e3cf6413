"""Whom a function's calls come from.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

import json
from pathlib import Path

from dayfly.testing import serve

SERVERLESS = """
service: app
provider: {name: aws, runtime: python3.11, region: us-east-1, iam: {role: {name: worker}}}
functions:
  hello: {handler: main.hello}
"""
MAIN = """
import os
import boto3
def hello(event, context):
    queue = boto3.client("sqs").create_queue(QueueName="made-inside")["QueueUrl"]
    boto3.client("s3").create_bucket(Bucket="made-inside")
    who = boto3.client("sts").get_caller_identity()
    return {"key": os.environ["AWS_ACCESS_KEY_ID"], "queue": queue, "arn": who["Arn"], "account": who["Account"]}
"""


def test_under_dev_a_function_acts_as_its_role_with_the_key_that_names_the_account(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(SERVERLESS)
    (tmp_path / "main.py").write_text(MAIN)
    with serve(application=tmp_path) as served:
        answer = served.client("lambda").invoke(FunctionName="app-dev-hello")
        got = json.loads(answer["Payload"].read())
        assert got.pop("queue").endswith("/000000000000/made-inside")
        assert got == {
            "key": "000000000000",
            "account": "000000000000",
            "arn": "arn:aws:sts::000000000000:assumed-role/worker/app-dev-hello",
        }
        assert [one["Name"] for one in served.client("s3").list_buckets()["Buckets"]] == ["made-inside"]
        assert served.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
