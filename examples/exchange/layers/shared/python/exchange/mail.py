"""Mail through SES."""

import functools
import html
import os

import boto3


@functools.cache
def ses():
    return boto3.client("ses")


def send(to, subject, *paragraphs):
    """A plain mail with the same words as HTML."""
    rich = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    return ses().send_email(
        Source=os.environ["SENDER"],
        Destination={"ToAddresses": [to]},
        Message={
            "Subject": {"Data": subject, "Charset": "UTF-8"},
            "Body": {
                "Text": {"Data": "\n\n".join(paragraphs), "Charset": "UTF-8"},
                "Html": {"Data": f"<html><body style='font-family:sans-serif'>{rich}</body></html>", "Charset": "UTF-8"},
            },
        },
    )["MessageId"]
