"""Which service a request is for.

In this order: the signature's scope, the X-Amz-Target header, the host's name, the form's Version or the queue in the
path, and a few paths that nothing else has. Several services sign with one name; their paths tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from dayfly.wire.rest import Message

SIGNING_NAMES: Mapping[str, str] = {
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "email": "ses",
    "elasticfilesystem": "efs",
    "cassandra": "keyspaces",
    "aws-marketplace": "meteringmarketplace",
}
"""botocore's names of the services that sign with another name, as far as requests are not told apart by path."""

TARGETS: Mapping[str, str] = {
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
    "Logs_20140328": "logs",
    "GraniteServiceVersion20100801": "cloudwatch",
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "AmazonSSM": "ssm",
    "secretsmanager": "secretsmanager",
    "AWSStepFunctions": "stepfunctions",
    "TrentService": "kms",
    "Kinesis_20131202": "kinesis",
    "AWSCognitoIdentityProviderService": "cognito-idp",
}
"""Prefixes of X-Amz-Target, for requests that are not signed."""

VERSIONS: Mapping[str, str] = {
    "2012-11-05": "sqs",
    "2010-03-31": "sns",
    "2010-12-01": "ses",
    "2011-06-15": "sts",
    "2010-05-08": "iam",
    "2010-05-15": "cloudformation",
    "2010-08-01": "cloudwatch",
}
"""The query services' versions are dates of their own."""

_PLAIN = frozenset({"sqs", "sns", "lambda", "events", "logs", "sts", "iam", "scheduler", "s3", "ssm"})
"""Signing names that are the service's own name, whatever the path."""
QUEUE_PATH = re.compile(r"^/(?:queue/[^/]+/)?\d{12}/[A-Za-z0-9_.-]+/?$")
_AWS_HOST = re.compile(r"^(.+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)(?::\d+)?$")
_REGION = re.compile(r"^[a-z]{2}(?:-[a-z]+)+-\d+$")
_CONNECTIONS = re.compile(r"(^|/)(@|%40)connections/")
_PATHS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^/v2/email(/|$)"), "sesv2"),
    (
        re.compile(r"^/20\d\d-\d\d-\d\d/(functions|layers|event-source-mappings|tags|account-settings|code-signing)"),
        "lambda",
    ),
    (_CONNECTIONS, "apigatewaymanagementapi"),
)


class Credential(NamedTuple):
    """A signature's credential scope."""

    access_key_id: str
    date: str
    region: str
    signing_name: str


def credential(message: Message) -> Credential | None:
    """The scope of the request's signature, from the Authorization header or the query string; not verified."""
    header = message.header("authorization")
    start = header.find("Credential=")
    if start >= 0:
        end = header.find(",", start)
        return _parsed(header[start + 11 : end if end > 0 else len(header)].strip())
    if "X-Amz-Credential=" in message.raw_query:
        return _parsed(parse_qs(message.raw_query).get("X-Amz-Credential", [""])[0])
    return None


_seen: dict[str, Credential | None] = {}


def _parsed(text: str) -> Credential | None:
    try:
        return _seen[text]
    except KeyError:
        parts = text.split("/")
        # Key ids hold no slash; were one to, the last four parts are still the scope.
        found = Credential("/".join(parts[:-4]), *parts[-4:-1]) if len(parts) >= 5 else None
        if len(_seen) > 4096:
            _seen.clear()
        _seen[text] = found
        return found


def service_of(message: Message, scope: Credential | None) -> str | None:
    """botocore's name of the service, or None where nothing says one."""
    if scope is not None:
        return by_signing_name(scope.signing_name, message)
    if target := message.header("x-amz-target"):
        return TARGETS.get(target.rpartition(".")[0])
    if (host := _AWS_HOST.match(message.header("host").lower())) is not None:
        labels = [label for label in host.group(1).split(".") if not _REGION.match(label)]
        return by_signing_name(labels[-1], message) if labels else None
    for pattern, service in _PATHS:
        if pattern.search(message.raw_path):
            return service
    return _by_form(message)


def by_signing_name(name: str, message: Message) -> str | None:
    """The service behind a signing name, or behind the label of a host name."""
    if name in _PLAIN:
        return name
    match name:
        case "execute-api":
            # Calls of an API's own routes are signed with the same name; they are no AWS API.
            return "apigatewaymanagementapi" if _CONNECTIONS.search(message.raw_path) else None
        case "ses" | "email":
            return "sesv2" if message.raw_path.startswith("/v2/") else "ses"
        case "apigateway":
            return "apigatewayv2" if message.raw_path.startswith("/v2/") else "apigateway"
        case "dynamodb" if message.header("x-amz-target").startswith("DynamoDBStreams"):
            return "dynamodbstreams"
        case "queue":
            return "sqs"
    return SIGNING_NAMES.get(name, name)


def _by_form(message: Message) -> str | None:
    """An unsigned query request: `Version` says which API, or the path is a queue's URL."""
    form = message.header("content-type").startswith("application/x-www-form-urlencoded")
    body = message.body.decode("utf-8", "replace") if form else ""
    if "Action=" not in body and "Action=" not in message.raw_query:
        return None
    found = {**parse_qs(body), **parse_qs(message.raw_query)}
    if (service := VERSIONS.get(found.get("Version", [""])[0])) is not None:
        return service
    return "sqs" if QUEUE_PATH.match(unquote(message.raw_path)) else None
