"""SAM and plain CloudFormation templates.

aws-sam-translator expands SAM; local code paths are taken out before and mapped back after.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dayfly.app.application import Application, FunctionName
from dayfly.app.code import CodeSource
from dayfly.app.loops import PREFIX, unrolled
from dayfly.app.loops import TRANSFORM as LANGUAGE_EXTENSIONS
from dayfly.app.nested import Nested, merged, take, value_now, values_now
from dayfly.app.report import Report
from dayfly.app.sam_code import CODE_BUCKET, code_of
from dayfly.app.samconfig import SamConfig, samconfig
from dayfly.app.variables import Doors, Options
from dayfly.app.yaml import ApplicationError, Map, Mark, mark_of, read, text_of
from dayfly.identity import Scope
from dayfly.identity.sessions import own_session

SERVERLESS_TRANSFORM = "AWS::Serverless-2016-10-31"
_LONGEST_NAME = 40
"""Templates put the stack's name into names of functions and roles, which end at 64 letters."""
_SSM_TYPE = "AWS::SSM::Parameter::"


def load(
    file: Path,
    template: Map,
    options: Options,
    doors: Doors,
    name: str | None,
    *,
    unknown: frozenset[str] = frozenset(),
    within: tuple[Path, ...] = (),
) -> Application:
    """Raises ApplicationError.

    Of a nested stack, parameters that only its parent's resources can tell are `unknown`; `within` are its parents.
    """
    report = Report()
    files = {file}
    if not within:
        options = _configured(options, samconfig(file.parent, options.opt.get("stage")), files)
    transforms = transforms_of(template)
    parameters = parameters_of(template, options, doors, report, unknown)
    stack = name or stack_name(file)
    scope = Scope(options.account, options.region)
    if LANGUAGE_EXTENSIONS in transforms:
        unrolled(template, values_now(template, parameters, scope, stack).resolve)
    _check(template, transforms, report)
    known = value_now(template, parameters, scope, stack)
    taken = take(template, file.parent, known, report)
    children = [(one, _child(one, options, doors, stack, (*within, file.resolve()))) for one in taken]
    reading = _Reading(file.parent, files, report)
    definitions = _take_definitions(template, reading)
    template = _include(template, reading)
    serverless = SERVERLESS_TRANSFORM in transforms
    if serverless:
        _drop_nested(template, report)
    code, functions = _take_code(template, file.parent, report)
    origins = {key: mark for key in template["Resources"] if (mark := _origin(template["Resources"], key))}
    expanded = _translate(file, template, parameters, options, unknown) if serverless else template
    _give_definitions(expanded["Resources"], definitions)
    for logical_id in expanded["Resources"]:
        if logical_id not in origins and (mark := _nearest(logical_id, origins)):
            origins[logical_id] = mark
    made = Application(
        name=stack,
        stage=options.stage,
        region=options.region,
        account=options.account,
        format="sam" if serverless else "cloudformation",
        path=file,
        template=expanded,
        parameters=parameters,
        made_up=frozenset(
            key
            for key, one in (template.get("Parameters") or {}).items()
            if key not in options.params and isinstance(one, Mapping) and "Default" not in one
        ),
        code=_code_by_expanded_id(code, expanded["Resources"]),
        functions=functions,
        origins=origins,
        items=tuple(report.items),
        files=tuple(sorted(files)),
    )
    return merged(made, children)


def _configured(options: Options, config: SamConfig | None, files: set[Path]) -> Options:
    """What was said goes before what the file says."""
    if config is None:
        return options
    files.add(config.file)
    region = options.region if "region" in options.opt else config.region or options.region
    return msgspec.structs.replace(options, params={**config.parameters, **options.params}, region=region)


def _child(nested: Nested, options: Options, doors: Doors, stack: str, within: tuple[Path, ...]) -> Application:
    """A nested stack, read as an application of its own. Raises ApplicationError."""
    if nested.file in within:
        raise ApplicationError.at(f"{nested.file.name} is nested in itself", nested.mark)
    template = read(nested.file)
    if not isinstance(template, Map):
        raise ApplicationError(f"{nested.file.name} holds no template", nested.file, 1)
    given = msgspec.structs.replace(options, params=nested.known)
    name = f"{stack}-{nested.suffix}"
    return load(nested.file, template, given, doors, name, unknown=nested.unknown, within=within)


def _code_by_expanded_id(code: Mapping[str, CodeSource], resources: Mapping[str, Any]) -> dict[str, CodeSource]:
    """SAM puts a hash behind the ids of layers; the placeholder of the code path still tells whose code it is."""
    found: dict[str, CodeSource] = {}
    for logical_id, resource in resources.items():
        properties = resource.get("Properties")
        place = (properties.get("Code") or properties.get("Content")) if isinstance(properties, Mapping) else None
        source = code.get(str(place.get("S3Key"))) if isinstance(place, Mapping) else None
        if source is not None:
            found[logical_id] = msgspec.structs.replace(source, logical_id=logical_id)
    return found


def stack_name(file: Path) -> str:
    """The directory's name (the file's, where it is not the usual one), in the letters a stack's name may have."""
    stem = file.parent.name if file.stem == "template" else file.stem
    cleaned = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")
    name = cleaned if cleaned[:1].isalpha() else f"app-{cleaned}"
    return name[:_LONGEST_NAME].rstrip("-")


def transforms_of(template: Mapping[str, Any]) -> list[str]:
    given = template.get("Transform") or []
    return [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]


def _check(template: Map, transforms: list[str], report: Report) -> None:
    resources = template.get("Resources")
    if not isinstance(resources, Map):
        raise ApplicationError.at("the template has no Resources", mark_of(template, "Resources"))
    for transform in transforms:
        if transform not in (SERVERLESS_TRANSFORM, LANGUAGE_EXTENSIONS):
            report.unsupported(f"transform {transform}", mark_of(template, "Transform"))
    for logical_id, resource in list(resources.items()):
        if logical_id.startswith("Fn::"):
            hint = f", which needs Transform: {LANGUAGE_EXTENSIONS}" if logical_id.startswith(PREFIX) else ""
            report.unsupported(f"{logical_id} among the resources{hint}", mark_of(resources, logical_id))
            del resources[logical_id]
        elif not isinstance(resource, Map) or not isinstance(resource.get("Type"), str):
            raise ApplicationError.at(f"the resource {logical_id} has no Type", mark_of(resources, logical_id))


def parameters_of(
    template: Map, options: Options, doors: Doors, report: Report, unknown: frozenset[str] = frozenset()
) -> dict[str, str]:
    """A value for every parameter: given, else the default; of SSM types, what that names.

    One without any value gets a made-up one and a warning: most are passwords, names and addresses.
    """
    values: dict[str, str] = {}
    section = template.get("Parameters") or {}
    for key, definition in section.items():
        if key in unknown:
            continue
        mark = mark_of(section, key)
        kind = str(definition.get("Type") or "String") if isinstance(definition, Mapping) else "String"
        value = options.params.get(key)
        if value is None and isinstance(definition, Mapping) and "Default" in definition:
            value = _text(definition["Default"])
        if value is None:
            value = _made_up(key, kind, definition)
            report.warning(f"the parameter {key} has no value; {value!r} is taken (--param {key}=…)", mark)
        if kind.startswith(_SSM_TYPE):
            value = _ssm_value(value, options, doors, report, mark)
        values[key] = value
    for key in (*options.params, *unknown):
        if key not in section:
            report.warning(f"the template has no parameter {key}", mark_of(template, "Parameters"))
    return values


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _made_up(key: str, kind: str, definition: Any) -> str:
    allowed = definition.get("AllowedValues") if isinstance(definition, Mapping) else None
    if allowed:
        return _text(allowed[0])
    if kind in ("Number", "List<Number>"):
        return "1"
    for named, ids in _MADE_UP_IDS.items():
        if named in kind or (named in key.replace("_", "") and key.rstrip("s").endswith(("Id", named))):
            return ids
    for ends, value in _MADE_UP_FORMS.items():
        if key.lower().replace("_", "").endswith(ends):
            return value.format(name=key.lower().replace("_", "-"))
    return f"local-{key.lower()}"


_MADE_UP_IDS = {
    "SecurityGroup": "sg-0123456789abcdef0",
    "Subnet": "subnet-0123456789abcdef0",
    "VPC": "vpc-0123456789abcdef0",
    "Vpc": "vpc-0123456789abcdef0",
}
"""Networks have no effect here, but their ids are checked."""
_MADE_UP_FORMS = {
    ("email", "emailaddress", "mail"): "{name}@example.com",
    ("phone", "phonenumber", "mobile"): "+12065550100",
    ("url", "uri", "webhook"): "https://{name}.example.com",
}
"""Services refuse addresses that are none; example.com and these numbers belong to nobody."""


def _ssm_value(name: str, options: Options, doors: Doors, report: Report, mark: Mark | None) -> str:
    value = doors.ssm(options.region, name) if doors.ssm else None
    if value is None:
        if not name.startswith("/aws/service/"):
            report.warning(f"there is no SSM parameter {name}; its name is taken for its value", mark)
        return name
    return _text(value)


class _Reading(NamedTuple):
    """What files that a template names are read with."""

    directory: Path
    files: set[Path]
    report: Report


def _include(node: Any, reading: _Reading) -> Any:
    """Put the content of local files in the place of `AWS::Include` transforms, and of definitions given by path."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            node[index] = _include(item, reading)
        return node
    if not isinstance(node, Map):
        return node
    transform = node.get("Fn::Transform")
    if isinstance(transform, Mapping) and transform.get("Name") == "AWS::Include":
        location = (transform.get("Parameters") or {}).get("Location")
        content = _local(location, reading, mark_of(node, "Fn::Transform"))
        if content is not None:
            rest = {key: value for key, value in node.items() if key != "Fn::Transform"}
            if isinstance(content, Map):
                content.update(rest)
            return _include(content, reading)
    for key, value in node.items():
        node[key] = _include(value, reading)
    properties = node.get("Properties")
    if isinstance(properties, Map) and str(node.get("Type")).startswith(("AWS::Serverless::", "AWS::ApiGateway")):
        for uri, body in (("DefinitionUri", "DefinitionBody"), ("BodyS3Location", "Body")):
            content = _local(properties.get(uri), reading, mark_of(properties, uri))
            if content is not None:
                del properties[uri]
                properties[body] = _include(content, reading)
    return node


def _take_definitions(template: Map, reading: _Reading) -> dict[str, str]:
    """The files of state machines, as text: before its substitutions are made one may be no JSON (`"Seconds": ${n}`).

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-statemachine.html
    """
    definitions: dict[str, str] = {}
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties")
        if resource["Type"] != "AWS::Serverless::StateMachine" or not isinstance(properties, Map):
            continue
        path = _path_of(properties.get("DefinitionUri"), reading, mark_of(properties, "DefinitionUri"))
        if path is not None:
            definitions[logical_id] = text_of(path)
            properties["DefinitionUri"] = f"s3://{CODE_BUCKET}/{logical_id}"
    return definitions


def _give_definitions(resources: Mapping[str, Any], definitions: Mapping[str, str]) -> None:
    for logical_id, text in definitions.items():
        properties = resources[logical_id]["Properties"]
        del properties["DefinitionS3Location"]
        properties["DefinitionString"] = text


def _local(location: Any, reading: _Reading, mark: Mark | None) -> Any:
    path = _path_of(location, reading, mark)
    return None if path is None else read(path)


def _path_of(location: Any, reading: _Reading, mark: Mark | None) -> Path | None:
    """The local file that a location names; None where it names something else. Raises ApplicationError."""
    if not isinstance(location, str) or location.startswith(("s3://", "http")):
        return None
    path = reading.directory / location
    if not path.is_file():
        alike = [one for one in path.parent.glob("*") if one.name.lower() == path.name.lower() and one.is_file()]
        if len(alike) != 1:
            raise ApplicationError.at(f"the file {location} does not exist", mark)
        reading.report.warning(f"the file {location} is spelt {alike[0].name}, which matters on Linux", mark)
        path = alike[0]
    reading.files.add(path)
    return path


def _drop_nested(template: Map, report: Report) -> None:
    for logical_id, resource in list(template["Resources"].items()):
        if resource.get("Type") == "AWS::Serverless::Application":
            what = f"nested application {logical_id}: only templates in files here can be nested"
            report.unsupported(what, mark_of(template["Resources"], logical_id))
            resource["Type"] = "AWS::CloudFormation::Stack"
            resource["Properties"] = {"TemplateURL": "nested"}


def _take_code(template: Map, directory: Path, report: Report) -> tuple[dict[str, CodeSource], dict[str, FunctionName]]:
    code: dict[str, CodeSource] = {}
    functions: dict[str, FunctionName] = {}
    globals_ = (template.get("Globals") or {}).get("Function") or {}
    for logical_id, resource in template["Resources"].items():
        kind = resource["Type"]
        if kind in ("AWS::Serverless::Function", "AWS::Lambda::Function"):
            name = (resource.get("Properties") or {}).get("FunctionName")
            functions[logical_id] = FunctionName(name=name if isinstance(name, str) else "", logical_id=logical_id)
        source = code_of(
            logical_id, resource, globals_ if kind == "AWS::Serverless::Function" else {}, directory, report
        )
        if source is not None:
            code[logical_id] = source
    globals_.pop("CodeUri", None)
    return code, functions


def _translate(
    file: Path, template: Map, parameters: Mapping[str, str], options: Options, unknown: frozenset[str]
) -> Map:
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    plain = json.loads(json.dumps(template, default=str))
    for key in unknown & (plain.get("Parameters") or {}).keys():
        plain["Parameters"][key].pop("Default", None)  # the translator would take it for the value
    session = boto3.session.Session(botocore_session=own_session(), region_name=options.region)
    translator = Translator(None, Parser(), boto_session=session)
    try:
        expanded = translator.translate(plain, dict(parameters), get_managed_policy_map=dict)
    except InvalidDocumentException as error:
        raise _as_ours(file, template, error) from error
    return _marked(expanded, template)


def _as_ours(file: Path, template: Map, error: Any) -> ApplicationError:
    """The translator's first complaint, at the line of the resource that it names."""
    text = str(error.causes[0].message if getattr(error, "causes", None) else error)
    named = re.search(r"Resource with id \[(\w+)\] is invalid\. ?(.*)", text, re.DOTALL)
    mark = mark_of(template["Resources"], named[1]) if named else None
    message = f"{named[1]}: {named[2]}" if named else text
    return ApplicationError(" ".join(message.split()), file, mark.line if mark else 1)


def _marked(expanded: Any, template: Map) -> Map:
    """The expanded template, keeping the lines of resources that came through unchanged."""
    made = Map(template.mark)
    made.update(expanded)
    for logical_id, resource in made["Resources"].items():
        source = template["Resources"].get(logical_id)
        if isinstance(source, Map) and source.get("Type") == resource.get("Type"):
            kept = source.like()
            kept.update(resource)
            properties = source.get("Properties")
            if isinstance(properties, Map) and isinstance(resource.get("Properties"), dict):
                lined = properties.like()
                lined.update(resource["Properties"])
                kept["Properties"] = lined
            made["Resources"][logical_id] = kept
    return made


def _origin(resources: Map, logical_id: str) -> Mark | None:
    return mark_of(resources, logical_id)


def _nearest(logical_id: str, origins: Mapping[str, Mark]) -> Mark | None:
    """SAM names what it adds after the resource it adds it for."""
    owners = [key for key in origins if logical_id.startswith(key)]
    return origins[max(owners, key=len)] if owners else None


__all__ = ["load", "parameters_of", "stack_name"]
