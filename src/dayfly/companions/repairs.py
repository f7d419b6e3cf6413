"""Where moto is stricter than AWS. Runs inside the child process (see `inside.py`): standard library and moto only."""

from __future__ import annotations

import http
import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


def judge_buckets_fairly() -> None:
    """moto takes a statement whose condition or principal it cannot judge for one that holds: a policy that refuses
    requests without TLS, or by anybody but a role, would refuse all. Such statements are left out."""
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def permission(bucket: FakeBucket, action: str, resource: str) -> object:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        statements = json.loads(bucket.policy).get("Statement") or []
        judged = [one for one in (statements if isinstance(statements, list) else [statements]) if _is_judged(one)]
        return IAMPolicy(json.dumps({"Statement": judged})).is_action_permitted(action, resource)

    FakeBucket.get_permission = permission  # type: ignore[method-assign, assignment]


def _is_judged(statement: dict[str, object]) -> bool:
    return not statement.get("Condition") and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})


def read_definitions_as_aws_does() -> None:
    """moto refuses errors of one's own that begin with `States.`, and distributed maps of express executions; both run
    on AWS. Such a map's items are run as standard executions here."""
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    CustomErrorName.__init__ = ErrorName.__init__  # type: ignore[method-assign]
    parse = AmazonStateLanguageParser.parse

    def lenient(definition: str) -> object:
        try:
            readable = json.dumps(_standard(json.loads(definition)))
        except ValueError:
            readable = definition  # moto says what is wrong with it
        return parse(readable)

    AmazonStateLanguageParser.parse = staticmethod(lenient)  # type: ignore[assignment, method-assign]


def _standard(node: object) -> object:
    if isinstance(node, list):
        return [_standard(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _standard(value) for key, value in node.items()}
    config = made.get("ProcessorConfig")
    if isinstance(config, dict) and config.get("ExecutionType") == "EXPRESS":
        made["ProcessorConfig"] = {**config, "ExecutionType": "STANDARD"}
    return made


def call_apis(endpoint: str, key: str) -> None:
    """`apigateway:invoke`, whose form in moto does not run. The platform answers for the API's host; IAM_ROLE signs as
    the calls of other tasks are signed. https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html"""
    import requests
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_api_gateway
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    session = requests.Session()
    session.trust_env = False
    task = state_task_service_api_gateway.StateTaskServiceApiGateway

    def failed(self: Any, env: Any, error: str, cause: str) -> FailureEventException:
        details = TaskFailedEventDetails(
            error=error,
            cause=cause,
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
        )
        event = FailureEvent(
            env=env,
            error_name=CustomErrorName(error),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),  # type: ignore[typeddict-item]
        )
        return FailureEventException(failure_event=event)

    def run(self: Any, env: Any, normalised_parameters: dict[str, Any], **_: object) -> None:
        host, method, path, headers, body = _request_of(normalised_parameters)
        headers["Host"] = host
        url = endpoint.rstrip("/") + path
        if normalised_parameters.get("AuthType") == "IAM_ROLE":
            signed = AWSRequest(method=method, url=url, data=body, headers=headers)
            region = host.split(".")[2] if host.count(".") > 2 else "us-east-1"
            SigV4Auth(Credentials(*key.split(" ")), "execute-api", region).add_auth(signed)
            headers = dict(signed.headers.items())
        try:
            response = session.request(method, url, headers=headers, data=body, allow_redirects=False)
        except requests.RequestException as error:
            raise failed(self, env, "ApiGateway.SdkClientException", str(error)) from error
        if response.status_code >= 400:
            raise failed(self, env, f"ApiGateway.{response.status_code}", response.text)
        try:
            answered = response.json()
        except ValueError:
            answered = response.text
        env.stack.append(
            {
                "Headers": {name: [value] for name, value in response.headers.items()},
                "ResponseBody": answered,
                "StatusCode": response.status_code,
                "StatusText": http.HTTPStatus(response.status_code).phrase,
            }
        )

    task._eval_service_task = run  # type: ignore[method-assign, assignment]
    named = set(state_task_service_api_gateway.TaskParameters.__annotations__)
    task._SUPPORTED_API_PARAM_BINDINGS["invoke"].update(named)  # it drops all but two
    # moto's own forgets an argument; its parent's knows the failures that are made above.
    del task._from_error


def _request_of(task: dict[str, Any]) -> tuple[str, str, str, dict[str, str], bytes | None]:
    """The host, method, path with query, headers and body that a task of `apigateway:invoke` asks for."""
    address = str(task["ApiEndpoint"])
    host = urlsplit(address if "://" in address else f"https://{address}").netloc
    stage, path = str(task.get("Stage") or ""), str(task.get("Path") or "").lstrip("/")
    whole = "/" + "/".join(quote(part, safe="/@:$=+,~%") for part in (stage, path) if part)
    query = [
        (name, one)
        for name, value in (task.get("QueryParameters") or {}).items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]
    headers = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in (task.get("Headers") or {}).items()
    }
    target = whole + ("?" + urlencode(query) if query else "")
    body = task.get("RequestBody")
    if body is None:
        return host, str(task["Method"]), target, headers, None
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    return host, str(task["Method"]), target, headers, data
