"""HTTP for functions behind an HTTP API (payload 2.0)."""

import base64
import json
import time

from exchange import tables


class Problem(Exception):
    """Something the caller should hear about."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body, default=str),
    }


def body_of(event):
    text = event.get("body") or "{}"
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode()
    try:
        body = json.loads(text)
    except ValueError:
        raise Problem(400, "the body must be JSON") from None
    if not isinstance(body, dict):
        raise Problem(400, "the body must be a JSON object")
    return body


def text_of(body, name, most=2000):
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Problem(400, f"{name} is required")
    if len(value) > most:
        raise Problem(400, f"{name} is too long")
    return value.strip()


def route(handle):
    """Turn problems into answers; anything else is a bug and shows as one."""

    def handler(event, context):
        try:
            return handle(event, context)
        except Problem as problem:
            return answer(problem.status, {"message": str(problem)})

    return handler


def signed_in(event):
    """The e-mail address of who calls, from the bearer token."""
    kind, _, token = (event.get("headers") or {}).get("authorization", "").partition(" ")
    session = tables.get("SESSIONS_TABLE", token=token) if kind.lower() == "bearer" and token else None
    if not session or int(session["expires"]) < time.time():
        raise Problem(401, "please sign in")
    return session["email"]
