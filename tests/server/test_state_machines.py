"""`stepFunctions` of a serverless.yml, started by requests. https://www.serverless.com/plugins/serverless-step-functions"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from processes import eventually, write

from dayfly.testing import Served, serve

FILES = {
    "serverless.yml": """
service: machines
provider: {name: aws, runtime: python3.12}
plugins: [serverless-step-functions]
functions:
  add-one: {handler: code.add_one}
  show: {handler: code.show}
stepFunctions:
  stateMachines:
    counting:
      events:
        - http: {path: count, method: POST}
        - http: {path: status, method: POST, action: DescribeExecution}
      definition:
        StartAt: First
        States:
          First: {Type: Task, Resource: !GetAtt add-one.Arn, Next: Second}
          Second: {Type: Task, Resource: {"Fn::GetAtt": [add-one, Arn]}, End: true}
    quick:
      name: quick
      type: EXPRESS
      events:
        - http: {path: 'quick/{id}', method: POST, action: StartSyncExecution, request: {template: lambda_proxy}}
      definition: {StartAt: Only, States: {Only: {Type: Task, Resource: !GetAtt show.Arn, End: true}}}
""",
    "code.py": "def add_one(event, context):\n    return {**event, 'n': event['n'] + 1}\n"
    "def show(event, context):\n    return [event['httpMethod'], event['pathParameters'], event['body']]\n",
}


def post(served: Served, path: str, document: Any) -> Any:
    (api,) = served.record["stacks"][0]["apis"]
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{api['url']}/{path}", json.dumps(document).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_requests_start_state_machines_and_ask_for_them(tmp_path: Path) -> None:
    with serve(application=write(tmp_path, FILES)) as served:
        text = 'it\'s "quoted" ü'
        started = post(served, "count", {"n": 1, "text": text})

        def ended() -> Any:
            said = post(served, "status", {"executionArn": started["executionArn"]})
            return said if said["status"] != "RUNNING" else None

        assert json.loads(eventually(ended, "the execution ends")["output"]) == {"n": 3, "text": text}
        assert post(served, "quick/7", {"text": text}) == ["POST", {"id": "7"}, json.dumps({"text": text})]
