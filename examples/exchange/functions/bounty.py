"""The bug bounty: a form takes reports in, triage sorts them and answers the reporter."""

import json
import os
import re
import time
import uuid

import boto3
from exchange import mail, tables, web

queue = boto3.client("sqs")

# The first rule that fits decides.
RULES = (
    ("critical", r"remote code|\brce\b|steal|private key|all (users|accounts)|bypass.*(login|password)|sql injection"),
    ("high", r"\bxss\b|cross.site|csrf|other (user|account)|session|token|balance"),
    ("medium", r"redirect|rate limit|enumerat|leak|disclos"),
)


def severity_of(title, details):
    text = f"{title}\n{details}".lower()
    return next((name for name, pattern in RULES if re.search(pattern, text)), "low")


@web.route
def report(event, context):
    body = web.body_of(event)
    made = {
        "report_id": str(uuid.uuid4()),
        "title": web.text_of(body, "title", 200),
        "details": web.text_of(body, "details", 20_000),
        "reporter": web.text_of(body, "reporter", 254),
    }
    tables.put("REPORTS_TABLE", **made, status="new", at=int(time.time()))
    queue.send_message(QueueUrl=os.environ["TRIAGE_QUEUE"], MessageBody=json.dumps(made))
    return web.answer(202, {"report_id": made["report_id"]})


def triage(event, context):
    for record in event["Records"]:
        made = json.loads(record["body"])
        severity = severity_of(made["title"], made["details"])
        tables.table("REPORTS_TABLE").update_item(
            Key={"report_id": made["report_id"]},
            UpdateExpression="SET #status = :status, severity = :severity",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": "triaged", ":severity": severity},
        )
        if severity in ("critical", "high"):
            mail.send(os.environ["SECURITY"], f"[{severity}] {made['title']}", made["details"])
        mail.send(
            made["reporter"],
            f"Your report: {made['title']}",
            f"Thank you. We look at it as {severity}. Its number is {made['report_id']}.",
        )
