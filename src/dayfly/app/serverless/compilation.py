"""The order in which a service is compiled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import constructs, events, extrinsic, functions, plugins, pseudo, seeding, state_machines
from dayfly.app.serverless.service import Function, Service, merge
from dayfly.app.yaml import ApplicationError, Map, mark_of

_KNOWN_WORDS = """
service provider functions resources custom plugins package layers frameworkVersion configValidationMode params
stages useDotenv constructs variablesResolutionMode unresolvedVariablesNotificationMode
deprecationNotificationMode disabledDeprecations build console stepFunctions
"""
_KNOWN = frozenset(_KNOWN_WORDS.split())
_WITHOUT_EFFECT_WORDS = """
org app tenant dashboard projectDir licenseKey enableLocalInstallationFallback
"""
_WITHOUT_EFFECT = frozenset(_WITHOUT_EFFECT_WORDS.split())


def compile_service(service: Service) -> dict[str, Any]:
    """The CloudFormation template of a service. Raises ApplicationError."""
    _check_provider(service)
    plugins.read(service)
    _read_functions(service)
    constructs.compile_constructs(service)
    functions.compile_layers(service)
    functions.compile_role(service)
    for function in service.functions.values():
        functions.compile_function(service, function)
    for function in service.functions.values():
        _compile_events(service, function)
    state_machines.compile_state_machines(service)
    events.finish(service)
    plugins.finish(service)
    service.seeds = seeding.seeds_of(service)
    template = _with_resources(service)
    if extrinsic.PLUGIN in service.plugins:
        extrinsic.compute(template)
    if pseudo.PLUGINS & set(service.plugins):
        pseudo.substitute(template)
    return template


def _check_provider(service: Service) -> None:
    name = service.provider.get("name", "aws")
    if name != "aws":
        mark = mark_of(service.provider, "name")
        raise ApplicationError.at(f"the provider is {name!r}; only aws can run here", mark)
    for key in service.document:
        if key in _WITHOUT_EFFECT:
            service.report.ignored(f"{key} (a setting of the Framework's own service)", mark_of(service.document, key))
        elif key not in _KNOWN:
            service.report.unsupported(f"top-level section {key}", mark_of(service.document, key))


def _read_functions(service: Service) -> None:
    section = service.merged("functions")
    for key, definition in section.items():
        if definition is None:
            continue
        if not isinstance(definition, Map):
            raise ApplicationError.at(f"the function {key} must be a mapping", mark_of(section, key))
        add_function(service, key, definition)


def add_function(service: Service, key: str, definition: Map) -> Function:
    name = definition.get("name") or f"{service.name}-{service.stage}-{key}"
    function = Function(key=key, name=str(name), definition=definition, mark=definition.mark)
    service.functions[key] = function
    return function


def _compile_events(service: Service, function: Function) -> None:
    listed = function.definition.get("events") or []
    if not isinstance(listed, list):
        mark = mark_of(function.definition, "events")
        raise ApplicationError.at(f"the events of {function.key} must be a list", mark)
    for index, event in enumerate(listed):
        mark = mark_of(listed, index)
        if isinstance(event, str):
            kind, content = event, None
        elif isinstance(event, Mapping) and event:
            kind, content = next(iter(event.items()))
            mark = mark_of(event, kind) or mark
            if content is None and len(event) > 1:  # the Framework passes over it too
                why = f"the {kind} event of {function.key} is empty: what follows it must be indented to belong to it"
                service.report.warning(why, mark)
                continue
        elif event is None:
            continue
        else:
            raise ApplicationError.at(f"an event of {function.key} is empty", mark)
        events.compile_event(service, function, kind, content, mark)


def _with_resources(service: Service) -> dict[str, Any]:
    user = service.merged("resources")
    template: Map = Map(mark_of(service.document))
    template["AWSTemplateFormatVersion"] = "2010-09-09"
    template["Description"] = (
        user.get("Description") or "The AWS CloudFormation template for this Serverless application"
    )
    for key in ("Resources", "Outputs"):
        template[key] = Map()
    for logical_id, resource in service.resources.items():
        template["Resources"][logical_id] = _as_maps(resource)
    template["Outputs"].update(_as_maps(service.outputs))
    for key, value in user.items():
        if key == "extensions":
            continue
        if isinstance(value, Map) and isinstance(template.get(key), Map):
            merge(template[key], value)
        elif value is not None:
            template[key] = value
    _extend(service, template, user.get("extensions"))
    if '"ServerlessDeploymentBucket"' in json.dumps(template, default=str):
        template["Resources"].setdefault("ServerlessDeploymentBucket", {"Type": "AWS::S3::Bucket", "Properties": {}})
    for name, output in template["Outputs"].items():
        if not isinstance(output, Mapping) or "Value" not in output:
            raise ApplicationError.at(f"the output {name} has no Value", mark_of(user.get("Outputs"), name))
    for logical_id, resource in template["Resources"].items():
        if not isinstance(resource, Mapping) or not isinstance(resource.get("Type"), str):
            mark = mark_of(user.get("Resources"), logical_id)
            raise ApplicationError.at(f"the resource {logical_id} has no Type", mark)
        if (mark := mark_of(resource)) is not None:
            service.origins[logical_id] = mark
    return template


def _as_maps(value: Any) -> Any:
    """Our own plain mappings in the form that the user's are merged into."""
    if isinstance(value, dict) and not isinstance(value, Map):
        made = Map()
        made.update({key: _as_maps(one) for key, one in value.items()})
        return made
    return value


def _extend(service: Service, template: Map, extensions: Any) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/guide/resources#extending-aws-cloudformation-resources"""
    for logical_id, extension in (extensions or {}).items():
        resource = template["Resources"].get(logical_id)
        if resource is None:
            mark = mark_of(extensions, logical_id)
            service.report.unsupported(f"resources.extensions names {logical_id}, which is not compiled here", mark)
            continue
        merge(resource, extension)
