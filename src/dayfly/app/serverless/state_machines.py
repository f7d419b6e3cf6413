"""`stepFunctions` of serverless-step-functions: state machines and what starts them.

https://www.serverless.com/plugins/serverless-step-functions
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.events import rest
from dayfly.app.serverless.events.mapped import FORM_BODY, escaped
from dayfly.app.serverless.service import Service
from dayfly.app.yaml import ApplicationError, Map, Mark, mark_of

PLUGIN = "serverless-step-functions"
_HANDLED = frozenset({"id", "name", "type", "role", "tags", "inheritGlobalTags", "definition", "dependsOn", "events"})
_IGNORED_WORDS = """
useExactVersion loggingConfig tracingConfig encryptionConfig alarms notifications retain iamRoleName iamRoleStatements
"""
_IGNORED = frozenset(_IGNORED_WORDS.split())
_SECTION_IGNORED = frozenset({"validate", "noOutput"})
_ROLE = "StepFunctionsStartingRole"


def compile_state_machines(service: Service) -> None:
    section = service.resolver.value("stepFunctions")
    if not isinstance(section, Map):
        return
    if PLUGIN not in service.plugins:
        service.report.ignored(f"stepFunctions: {PLUGIN} is not among the plugins", section.mark)
        return
    for key in section:
        if key in _SECTION_IGNORED:
            service.report.ignored(f"stepFunctions.{key}", mark_of(section, key))
        elif key != "stateMachines":
            service.report.unsupported(f"stepFunctions.{key}", mark_of(section, key))
    machines = section.get("stateMachines")
    for key, machine in machines.items() if isinstance(machines, Map) else ():
        if not isinstance(machine, Map) or not machine.get("definition"):
            raise ApplicationError.at(f"the state machine {key} has no definition", mark_of(machines, key))
        _compile(service, key, machine, mark_of(machines, key))


def _compile(service: Service, key: str, machine: Map, mark: Mark | None) -> None:
    for name in machine:
        if name in _IGNORED:
            service.report.ignored(f"{name} of state machine {key}", mark_of(machine, name))
        elif name not in _HANDLED:
            service.report.unsupported(f"{name} of state machine {key}", mark_of(machine, name))
    logical_id = _id(key, machine)
    definition = _with_functions(service, machine["definition"])
    shared = {} if machine.get("inheritGlobalTags") is False else service.provider.get("tags") or {}
    tags = {**shared, **(machine.get("tags") or {})}
    depends = machine.get("dependsOn") or []
    service.add(
        logical_id,
        "AWS::StepFunctions::StateMachine",
        {
            "StateMachineName": machine.get("name"),
            "StateMachineType": machine.get("type"),
            "RoleArn": _role(service, machine.get("role"), "states.amazonaws.com", f"{logical_id}Role"),
            "DefinitionString" if isinstance(definition, str) else "Definition": definition,
            "Tags": [{"Key": name, "Value": str(value)} for name, value in tags.items()] or None,
        },
        mark,
        DependsOn=[depends] if isinstance(depends, str) else list(depends),
    )
    service.output(f"{logical_id}Arn", {"Ref": logical_id}, "Current StateMachine Arn")
    for index, event in enumerate(machine.get("events") or []):
        place = mark_of(machine["events"], index) or mark
        kind, content = next(iter(event.items())) if isinstance(event, Mapping) and event else (str(event), None)
        match kind:
            case "http":
                _http(service, key, logical_id, content, place)
            case "schedule" | "eventBridge" | "cloudwatchEvent":
                _rule(service, logical_id, kind, content, place)
            case _:
                service.report.unsupported(f"event {kind} of state machine {key}", place)


def _id(key: str, machine: Map) -> str:
    if isinstance(machine.get("id"), str):
        return str(machine["id"])
    name = machine.get("name")
    return naming.normal(name) if isinstance(name, str) else f"{naming.normal(key)}StepFunctionsStateMachine"


def _with_functions(service: Service, node: Any) -> Any:
    """Functions may be named by their key wherever an intrinsic names a resource."""
    if isinstance(node, list):
        return [_with_functions(service, item) for item in node]
    if not isinstance(node, dict):
        return node
    made = node.like() if isinstance(node, Map) else {}
    for key, value in node.items():
        if key == "Ref" and isinstance(value, str) and value in service.functions:
            made[key] = service.functions[value].id
        elif key == "Fn::GetAtt" and value:
            name, attribute = value.split(".", 1) if isinstance(value, str) else (value[0], value[1])
            known = service.functions.get(name) if isinstance(name, str) else None
            made[key] = [known.id if known else name, attribute]
        else:
            made[key] = _with_functions(service, value)
    return made


def _role(service: Service, given: Any, principal: str, logical_id: str) -> Any:
    if given:
        return given
    service.add(
        logical_id,
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}],
            },
            "Policies": [
                {
                    "PolicyName": "states",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
                    },
                }
            ],
        },
    )
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def _rule(service: Service, logical_id: str, kind: str, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) else {"rate": content}
    words = {"schedule": "rate", "eventBridge": "event", "cloudwatchEvent": "event"}
    if not event.get(words[kind]):
        raise ApplicationError.at(f"the {kind} event has no {words[kind]}", mark)
    enabled = str(event.get("enabled", True)).lower() != "false"
    transformer = event.get("inputTransformer")
    given = event.get("input")
    target = {
        "Arn": {"Ref": logical_id},
        "Id": f"{logical_id}Target"[-64:],
        "RoleArn": _role(service, event.get("role"), "events.amazonaws.com", _ROLE),
        "Input": json.dumps(given) if isinstance(given, dict | list) else given,
        "InputPath": event.get("inputPath"),
        "InputTransformer": {
            "InputPathsMap": transformer.get("inputPathsMap") or {},
            "InputTemplate": transformer.get("inputTemplate"),
        }
        if transformer
        else None,
    }
    number = 1
    while f"{logical_id}EventsRule{number}" in service.resources:
        number += 1
    service.add(
        f"{logical_id}EventsRule{number}",
        "AWS::Events::Rule",
        {
            "ScheduleExpression": event["rate"] if kind == "schedule" else None,
            "EventPattern": event["event"] if kind != "schedule" else None,
            "EventBusName": event.get("eventBusName"),
            "Name": event.get("name"),
            "Description": event.get("description"),
            "State": "ENABLED" if enabled else "DISABLED",
            "Targets": [{name: value for name, value in target.items() if value is not None}],
        },
        mark,
    )


def _http(service: Service, key: str, logical_id: str, content: Any, mark: Mark | None) -> None:
    event = rest.event_of(content, f"state machine {key}", mark)
    action = str(event.get("action") or "StartExecution")
    request, response = event.get("request") or {}, event.get("response") or {}
    template = request.get("template")
    templates: dict[str, Any] = {}
    if isinstance(template, Mapping):
        templates = {str(kind): text for kind, text in template.items()}
    elif action.startswith("Start"):
        bodies = _BODIES if template != "lambda_proxy" else dict.fromkeys(_BODIES, _PROXY)
        templates = {kind: {"Fn::Sub": [text, {"machine": {"Ref": logical_id}}]} for kind, text in bodies.items()}
    headers = {**rest.answer_headers(event.get("cors")), **(response.get("headers") or {})}
    parameters = {f"method.response.header.{name}": value for name, value in headers.items()}
    answers = response.get("template")
    answers = dict(answers) if isinstance(answers, Mapping) else {"application/json": answers} if answers else {}
    if not answers and action == "StartSyncExecution":
        answers = {"application/json": _OUTPUT}
    statuses = {"200": answers, "400": {}, "500": {}}
    integration = {
        "Type": "AWS",
        "IntegrationHttpMethod": "POST",
        "Uri": {"Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/" + action},
        "Credentials": _role(service, event.get("iamRole"), "apigateway.amazonaws.com", _ROLE),
        "PassthroughBehavior": "NEVER" if templates else "WHEN_NO_MATCH",
        "RequestTemplates": templates,
        "IntegrationResponses": [
            {
                "StatusCode": status,
                "SelectionPattern": "" if status == "200" else rf"{status[0]}\d{{2}}",
                "ResponseParameters": parameters,
                "ResponseTemplates": made,
            }
            for status, made in statuses.items()
        ],
    }
    declared = [{"StatusCode": one, "ResponseParameters": dict.fromkeys(parameters, True)} for one in statuses]
    rest.add_method(service, event, integration, declared, mark)


def _started(body: str) -> str:
    """A start whose input is `$body`; the names of Fn::Sub are the platform's, those of the template its own."""
    text = "#set($escaped = " + escaped("$body") + ")\n"
    return f'{body}{text}{{"input": "$escaped", "name": "$context.requestId", "stateMachineArn": "${{machine}}"}}'


def _object(name: str, source: str) -> str:
    """A JSON object of a map's entries inside a text, so that each quote of it is written as `\\"`."""
    return (
        f'\\"{name}\\": {{#foreach($name in ${source}.keySet())#set($value = {escaped(f"${source}.get($name)")})'
        f'#set($value = {escaped("$value")})\\"$name\\": \\"$value\\"#if($foreach.hasNext), #end#end}}'
    )


_BODIES = {
    "application/json": _started("#set($body = $input.json('$'))"),
    "application/x-www-form-urlencoded": _started(FORM_BODY),
}
_PROXY = (
    "#set($body = " + escaped("$input.body") + ")#set($body = " + escaped("$body") + ")\n"
    '{"input": "{\\"resource\\": \\"$context.resourcePath\\", \\"path\\": \\"$context.path\\", '
    '\\"httpMethod\\": \\"$context.httpMethod\\", '
    + ", ".join(
        (
            _object("headers", "input.params().header"),
            _object("queryStringParameters", "input.params().querystring"),
            _object("pathParameters", "input.params().path"),
            _object("stageVariables", "stageVariables"),
        )
    )
    + ', \\"requestContext\\": {\\"requestId\\": \\"$context.requestId\\", \\"stage\\": \\"$context.stage\\", '
    '\\"httpMethod\\": \\"$context.httpMethod\\", \\"apiId\\": \\"$context.apiId\\"}, '
    '\\"body\\": \\"$body\\", \\"isBase64Encoded\\": false}", '
    '"name": "$context.requestId", "stateMachineArn": "${machine}"}'
)
_OUTPUT = "#if($input.path('$.output') != '')$input.path('$.output')#{else}$input.json('$')#end"
