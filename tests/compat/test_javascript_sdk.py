"""@aws-sdk v3 against the platform, with nothing but `AWS_ENDPOINT_URL`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("node") is None or shutil.which("npm") is None, reason="needs Node.js and npm"),
]
PACKAGES = ("@aws-sdk/client-sqs", "@aws-sdk/client-sns", "@aws-sdk/client-lambda", "@aws-sdk/client-sesv2")
SCRIPT = """
const { SQSClient, CreateQueueCommand, SendMessageCommand, ReceiveMessageCommand } = require("@aws-sdk/client-sqs")
const { SNSClient, CreateTopicCommand, PublishCommand, SubscribeCommand } = require("@aws-sdk/client-sns")
const { LambdaClient, ListFunctionsCommand, InvokeCommand } = require("@aws-sdk/client-lambda")
const { SESv2Client, SendEmailCommand } = require("@aws-sdk/client-sesv2")
async function main() {
  const sqs = new SQSClient({}), sns = new SNSClient({}), lambda = new LambdaClient({}), ses = new SESv2Client({})
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "from-js" }))
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "from-js" }))
  await sns.send(new SubscribeCommand({
    TopicArn, Protocol: "sqs", Endpoint: "arn:aws:sqs:eu-west-1:000000000000:from-js",
    Attributes: { RawMessageDelivery: "true" },
  }))
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "direct" }))
  await sns.send(new PublishCommand({ TopicArn, Message: "through the topic" }))
  const bodies = []
  while (bodies.length < 2) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }))
    bodies.push(...Messages.map((message) => message.Body))
  }
  const { Functions } = await lambda.send(new ListFunctionsCommand({}))
  const refused = await lambda.send(new InvokeCommand({ FunctionName: "absent" })).catch((error) => error.name)
  const { MessageId } = await ses.send(new SendEmailCommand({
    FromEmailAddress: "a@example.com", Destination: { ToAddresses: ["b@example.com"] },
    Content: { Simple: { Subject: { Data: "js" }, Body: { Text: { Data: "hello" } } } },
  }))
  const mailed = MessageId.length > 0
  console.log(JSON.stringify({ bodies: bodies.sort(), functions: Functions.length, refused, mailed }))
}
main().catch((error) => { console.error(error); process.exit(1) })
"""


@pytest.fixture(scope="module")
def packages() -> Path:
    """A folder with the SDK's packages, kept between runs."""
    folder = Path("~/.cache/dayfly/tests/javascript-sdk").expanduser()
    if not all((folder / "node_modules" / name).is_dir() for name in PACKAGES):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the SDK's packages cannot be installed: {done.stderr[-200:]}")
    return folder


def test_the_javascript_sdk_works_unchanged(packages: Path, environment: dict[str, str], tmp_path: Path) -> None:
    script = packages / "try.js"
    script.write_text(SCRIPT)
    done = subprocess.run(["node", str(script)], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "bodies": ["direct", "through the topic"],
        "functions": 0,
        "refused": "ResourceNotFoundException",
        "mailed": True,
    }
