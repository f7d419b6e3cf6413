"""Which service and operation a request means."""

from __future__ import annotations

import pytest

from dayfly.front.messages import Request
from dayfly.wire import calls, locate
from dayfly.wire.operations import Service
from dayfly.wire.refusals import Rejected
from dayfly.wire.routes import Routes


def signed(service: str, path: str = "/", method: str = "GET") -> Request:
    scope = (
        f"AWS4-HMAC-SHA256 Credential=AKIA/20231114/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
    return Request(method, path, [("Host", "127.0.0.1:4566"), ("Authorization", scope)])


def found(request: Request) -> str | None:
    return locate.service_of(request, locate.credential(request))


@pytest.mark.parametrize(
    ("signing_name", "path", "service"),
    [
        ("sqs", "/", "sqs"),
        ("ses", "/", "ses"),
        ("ses", "/v2/email/outbound-emails", "sesv2"),
        ("apigateway", "/restapis", "apigateway"),
        ("apigateway", "/v2/apis", "apigatewayv2"),
        ("execute-api", "/dev/@connections/abc", "apigatewaymanagementapi"),
        ("monitoring", "/", "cloudwatch"),
        ("execute-api", "/dev/orders", None),
        ("states", "/", "stepfunctions"),
        ("dynamodb", "/", "dynamodb"),
    ],
)
def test_the_signatures_scope_names_the_service(signing_name, path, service):
    assert found(signed(signing_name, path)) == service


def test_a_presigned_query_names_the_service():
    query = (
        "Action=GetCallerIdentity&X-Amz-Credential=AKIA%2F20231114%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Signature=0"
    )
    request = Request("GET", f"/?{query}", [("Host", "h")])
    assert locate.credential(request) == ("AKIA", "20231114", "eu-west-1", "sts")
    assert found(request) == "sts"


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("sqs.eu-west-1.amazonaws.com", "sqs"),
        ("email.us-east-1.amazonaws.com", "ses"),
        ("eu-west-1.queue.amazonaws.com", "sqs"),
        ("sts.amazonaws.com", "sts"),
        ("a1b2c3.execute-api.us-east-1.amazonaws.com:443", None),
        ("localhost:4566", None),
    ],
)
def test_an_unsigned_request_is_known_by_its_host(host, service):
    assert found(Request("POST", "/", [("Host", host)])) == service


def test_an_unsigned_function_call_is_known_by_its_path():
    assert found(Request("POST", "/2015-03-31/functions/hello/invocations", [("Host", "h")])) == "lambda"


def test_a_web_page_is_no_api_call():
    assert found(Request("GET", "/index.html", [("Host", "localhost:3000")])) is None


@pytest.mark.parametrize(
    ("service", "method", "path", "operation", "labels"),
    [
        ("lambda", "GET", "/2015-03-31/functions", "ListFunctions", {}),
        ("lambda", "GET", "/2015-03-31/functions/", "ListFunctions", {}),
        ("lambda", "POST", "/2015-03-31/functions/a%3Ab/invocations", "Invoke", {"FunctionName": "a%3Ab"}),
        ("apigateway", "GET", "/restapis/x/resources/y", "GetResource", {"restapi_id": "x", "resource_id": "y"}),
        ("apigatewayv2", "DELETE", "/v2/apis/x", "DeleteApi", {"apiId": "x"}),
        ("sesv2", "POST", "/v2/email/outbound-emails", "SendEmail", {}),
    ],
)
def test_method_and_path_mean_an_operation(service, method, path, operation, labels):
    call = calls.find(Service.load(service), Request(method, path, []), "rest-json")
    assert call.operation.name == operation
    assert call.labels == labels


def test_a_path_that_means_nothing_is_an_unknown_operation():
    with pytest.raises(Rejected) as caught:
        calls.find(Service.load("lambda"), Request("PUT", "/nowhere", []), "rest-json")
    assert (caught.value.code, caught.value.status) == ("UnknownOperationException", 404)


def test_the_most_particular_route_wins():
    routes = Routes(
        [
            ("Any", "GET", "/{bucket}/{key+}"),
            ("Bucket", "GET", "/{bucket}"),
            ("Acl", "GET", "/{bucket}?acl"),
            ("Tail", "GET", "/{bucket}/{key+}/tail"),
            ("Fixed", "GET", "/about"),
        ]
    )
    assert routes.find("GET", "/b", [("acl", "")]) == ("Acl", {"bucket": "b"})
    assert routes.find("GET", "/b", []) == ("Bucket", {"bucket": "b"})
    assert routes.find("GET", "/about", []) == ("Fixed", {})
    assert routes.find("GET", "/b/x/y", []) == ("Any", {"bucket": "b", "key": "x/y"})
    assert routes.find("GET", "/b/x/tail", []) == ("Tail", {"bucket": "b", "key": "x"})
    assert routes.find("POST", "/b", []) is None
