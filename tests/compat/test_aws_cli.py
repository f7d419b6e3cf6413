"""The AWS CLI against the platform, with nothing but `AWS_ENDPOINT_URL`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def aws(environment: dict[str, str], *words: str) -> Any:
    # The CLI's own entry point, so that the one of this interpreter runs and not another on the PATH.
    command = [sys.executable, "-c", "import sys, awscli.clidriver; sys.exit(awscli.clidriver.main())", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_cli_sends_and_receives(environment: dict[str, str]) -> None:
    # Version 1 of the CLI puts a host name of its own in the place of AWS_ENDPOINT_URL for this one service
    # (its table of SSL common names); version 2 does not. The table has no entry for this region.
    environment = environment | {"AWS_REGION": "ap-southeast-4", "AWS_DEFAULT_REGION": "ap-southeast-4"}
    url = aws(environment, "sqs", "create-queue", "--queue-name", "cli")["QueueUrl"]
    aws(environment, "sqs", "send-message", "--queue-url", url, "--message-body", "from the CLI")
    assert aws(environment, "sqs", "receive-message", "--queue-url", url)["Messages"][0]["Body"] == "from the CLI"


def test_the_cli_speaks_query_and_rest(environment: dict[str, str]) -> None:
    assert aws(environment, "sts", "get-caller-identity")["Account"] == "000000000000"
    assert aws(environment, "sns", "create-topic", "--name", "t")["TopicArn"] == "arn:aws:sns:eu-west-1:000000000000:t"
    assert aws(environment, "lambda", "list-functions")["Functions"] == []
