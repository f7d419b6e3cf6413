"""Sign-up and login. Passwords are kept as salted scrypt hashes, tokens are random and expire."""

import hashlib
import hmac
import json
import os
import re
import secrets
import time

import boto3
from exchange import tables, web

DAY_S = 86_400
topic = boto3.client("sns")


def hashed(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def credentials(event):
    body = web.body_of(event)
    email = web.text_of(body, "email", 254).lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise web.Problem(400, "email is not an address")
    password = web.text_of(body, "password", 200)
    if len(password) < 8:
        raise web.Problem(400, "password needs at least 8 characters")
    return email, password


def session_for(email):
    token = secrets.token_urlsafe(32)
    tables.put("SESSIONS_TABLE", token=token, email=email, expires=int(time.time()) + DAY_S)
    return token


def tell(kind, email):
    topic.publish(
        TopicArn=os.environ["ACCOUNT_TOPIC"],
        Message=json.dumps({"kind": kind, "email": email, "at": int(time.time())}),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
    )


@web.route
def signup(event, context):
    email, password = credentials(event)
    salt = secrets.token_bytes(16)
    users = tables.table("USERS_TABLE")
    try:
        users.put_item(
            Item={"email": email, "salt": salt, "password": hashed(password, salt), "since": int(time.time())},
            ConditionExpression="attribute_not_exists(email)",
        )
    except users.meta.client.exceptions.ConditionalCheckFailedException:
        raise web.Problem(409, "this address has an account already") from None
    tell("signup", email)
    return web.answer(201, {"email": email, "token": session_for(email)})


@web.route
def login(event, context):
    email, password = credentials(event)
    user = tables.get("USERS_TABLE", email=email)
    # The hash is made for unknown addresses too, so that the time taken tells nothing.
    salt, kept = (user["salt"].value, user["password"].value) if user else (b"nobody", b"")
    if not hmac.compare_digest(hashed(password, salt), kept):
        raise web.Problem(401, "wrong address or password")
    tell("login", email)
    return web.answer(200, {"email": email, "token": session_for(email)})
