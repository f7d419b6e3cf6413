"""Usability groups: what they say is kept and told to whoever subscribed."""

import json
import os
import time
import uuid

import boto3
from exchange import mail, tables, web

topic = boto3.client("sns")


@web.route
def give(event, context):
    body = web.body_of(event)
    rating = body.get("rating")
    if rating not in (1, 2, 3, 4, 5):
        raise web.Problem(400, "rating must be 1 to 5")
    given = {
        "feedback_id": str(uuid.uuid4()),
        "group": web.text_of(body, "group", 60),
        "rating": rating,
        "text": web.text_of(body, "text", 5000),
        "at": int(time.time()),
    }
    tables.put("FEEDBACK_TABLE", **given)
    topic.publish(TopicArn=os.environ["FEEDBACK_TOPIC"], Subject="Usability feedback", Message=json.dumps(given))
    return web.answer(201, {"feedback_id": given["feedback_id"]})


def tell(event, context):
    for record in event["Records"]:
        given = json.loads(record["Sns"]["Message"])
        mail.send(
            os.environ["USABILITY"], f"{given['group']} gave {given['rating']} of 5", given["text"]
        )
