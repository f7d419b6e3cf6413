"""The services of a serverless-compose.yml on one platform. https://www.serverless.com/framework/docs/guides/compose"""

from __future__ import annotations

import json
from pathlib import Path

from processes import running, write

FILES = {
    "serverless-compose.yml": """
services:
  web:
    path: web
    params:
      queue: ${data.QueueName}
  data:
    path: data
""",
    "data/serverless.yml": """
service: data
provider: {name: aws}
resources:
  Resources:
    Jobs: {Type: "AWS::SQS::Queue", Properties: {QueueName: first}}
  Outputs:
    QueueName: {Value: !GetAtt Jobs.QueueName}
""",
    "web/serverless.yml": """
service: web
provider: {name: aws, runtime: python3.12, environment: {QUEUE: "${param:queue}"}}
functions:
  hello: {handler: code.hello}
""",
    "web/code.py": "import os\ndef hello(event, context):\n    return os.environ['QUEUE']\n",
}


def test_a_service_takes_the_outputs_of_another_and_follows_them(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as dayfly:
        said = dayfly.ready()
        assert [stack["name"] for stack in said["stacks"]] == ["data-dev", "web-dev"]
        assert asked(said["endpoint"]) == "first"
        (tmp_path / "data" / "serverless.yml").write_text(FILES["data/serverless.yml"].replace("first", "second"))
        dayfly.wait_for("reload", lambda line: line["what"].startswith("web-dev"))
        assert asked(said["endpoint"]) == "second"
        assert dayfly.stop() == 0
        assert "Traceback" not in dayfly.stderr


def asked(endpoint: str) -> str:
    import boto3

    client = boto3.client(
        "lambda", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="t"
    )
    return str(json.loads(client.invoke(FunctionName="web-dev-hello")["Payload"].read()))
