"""Signatures by botocore's own signers, checked here."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

import botocore.auth
import botocore.compat
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dayfly.front.messages import Request
from dayfly.wire import locate, signing
from dayfly.wire.refusals import Rejected

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = 1_700_000_000_000


class Known(NamedTuple):
    secret: str = SECRET
    session_token: str = ""
    expires_ms: int | None = None


KNOWN = Known()


@pytest.fixture(autouse=True)
def at_a_fixed_time(monkeypatch):
    moment = datetime.datetime.fromtimestamp(NOW / 1000, datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))


def signed(
    signer: type,
    service: str = "sqs",
    *,
    method: str = "POST",
    url: str = "http://127.0.0.1:4566/",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    token: str | None = None,
    **options: Any,
) -> Request:
    request = AWSRequest(method, url, headers=headers or {}, data=body)
    request.headers["Host"] = "127.0.0.1:4566"
    signer(Credentials(KEY, SECRET, token), service, "eu-west-1", **options).add_auth(request)
    prepared = request.prepare()
    target = "/" + prepared.url.split("://", 1)[1].partition("/")[2]
    texts = [(name, value.decode() if isinstance(value, bytes) else value) for name, value in prepared.headers.items()]
    return Request(method, target, texts, body)


def check(request: Request, *, known: Known | None = KNOWN, now: int = NOW, query: bool = False) -> signing.Claim:
    claim = signing.claim_of(request, locate.credential(request), query_protocol=query)
    signing.verify(request, claim, lambda key, _token: known if key == KEY else None, now, query_protocol=query)
    return claim


def refused(request: Request, **options: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        check(request, **options)
    assert caught.value.status == 403
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566/",
        "http://127.0.0.1:4566/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/invocations",
        "http://127.0.0.1:4566/a//b/./c/../d/",
        "http://127.0.0.1:4566/path%20with/%E2%82%AC?b=2&a=1&a=0&empty=&space=a%20b",
        "http://127.0.0.1:4566/@connections/L0SM9cOFvHcCIhw%3D",
    ],
)
def test_a_signed_request_is_accepted(url):
    claim = check(signed(SigV4Auth, "lambda", url=url, body=b'{"a": 1}', headers={"X-Amz-Meta": "  two   spaces "}))
    assert claim.credential == (KEY, "20231114", "eu-west-1", "lambda")


def test_a_presigned_request_is_accepted_until_it_expires():
    request = signed(
        SigV4QueryAuth, "sts", method="GET", url="http://127.0.0.1:4566/?Action=GetCallerIdentity&Version=2011-06-15",
        expires=60,
    )  # fmt: skip
    check(request, now=NOW + 59_000)
    assert refused(request, now=NOW + 61_000, query=True).code == "RequestExpired"


def test_s3_paths_are_not_encoded_twice_and_its_payload_may_be_unsigned():
    url = "http://127.0.0.1:4566/bucket/a%20b/c%2Bd//e"
    check(signed(S3SigV4Auth, "s3", method="PUT", url=url, body=b"content"))
    check(signed(S3SigV4QueryAuth, "s3", method="GET", url=url, expires=60))


def test_an_unsigned_payload_is_accepted_where_the_header_says_so():
    request = signed(SigV4Auth, body=b"x", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    request.body = b"anything"
    # botocore signs the payload's own hash unless its client says otherwise, so sign again by the header.
    claim = signing.claim_of(request, locate.credential(request))
    assert signing.canonical_request(request, claim).endswith("UNSIGNED-PAYLOAD")


@pytest.mark.parametrize("what", ["body", "path", "method", "header"])
def test_a_request_that_was_changed_is_refused(what):
    request = signed(SigV4Auth, body=b"Action=ListQueues", headers={"X-Amz-Target": "AmazonSQS.ListQueues"})
    match what:
        case "body":
            request.body = b"Action=DeleteQueue"
        case "path":
            request.raw_path = "/other"
        case "method":
            request.method = "PUT"
        case "header":
            request.headers = [
                (name, "AmazonSQS.DeleteQueue" if name == "X-Amz-Target" else value) for name, value in request.headers
            ]
    assert refused(request).code == "InvalidSignatureException"
    assert refused(request, query=True).code == "SignatureDoesNotMatch"


def test_a_declared_hash_of_another_body_is_not_believed():
    request = signed(S3SigV4Auth, "s3", method="PUT", body=b"content")
    request.body = b"other"
    assert refused(request, query=True).code == "SignatureDoesNotMatch"


def test_the_wrong_secret_and_an_unknown_key_are_told_apart():
    request = signed(SigV4Auth)
    assert refused(request, known=Known("other")).code == "InvalidSignatureException"
    assert refused(request, known=None).code == "UnrecognizedClientException"
    assert refused(request, known=None, query=True).code == "InvalidClientTokenId"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_a_quarter_of_an_hour_off_is_refused(minutes):
    request = signed(SigV4Auth)
    check(request, now=NOW + (minutes // abs(minutes)) * 14 * 60_000)
    assert refused(request, now=NOW + minutes * 60_000).code == "InvalidSignatureException"


def test_a_session_token_must_be_the_keys_and_not_have_expired():
    request = signed(SigV4Auth, token="the-token")
    check(request, known=Known(session_token="the-token", expires_ms=NOW + 1))
    assert refused(request, known=Known(session_token="another")).code == "UnrecognizedClientException"
    expired = Known(session_token="the-token", expires_ms=NOW)
    assert refused(request, known=expired).code == "ExpiredTokenException"
    assert refused(request, known=expired, query=True).code == "ExpiredToken"


def test_a_request_without_a_signature_is_said_to_lack_its_token():
    assert refused(Request("GET", "/", [("Host", "h")])).code == "MissingAuthenticationTokenException"
    assert refused(Request("GET", "/", [("Host", "h")]), query=True).code == "MissingAuthenticationToken"


@pytest.mark.parametrize(
    "header",
    [
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256 Credential=AKIA/20231114/eu-west-1/sqs/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=AKIA, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=AKIA/20231114/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256",
    ],
)
def test_half_a_signature_is_incomplete(header):
    assert refused(Request("GET", "/", [("Host", "h"), ("Authorization", header)])).code == "IncompleteSignature"


def test_the_host_must_be_signed():
    request = signed(SigV4Auth)
    request.headers = [
        (name, value.replace("SignedHeaders=host;", "SignedHeaders=")) for name, value in request.headers
    ]
    assert refused(request).code == "InvalidSignatureException"
