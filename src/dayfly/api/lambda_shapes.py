"""Functions, aliases and layers in the spelling of the Lambda API, and back.

https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from dayfly.api import Params
from dayfly.functions.catalogue import Catalogue, Held
from dayfly.functions.environment import log_group_of
from dayfly.functions.errors import InvalidParameter
from dayfly.functions.model import Alias, Code, Configuration, EventInvokeConfig, LayerVersion, UrlConfig
from dayfly.functions.names import LATEST, FunctionName, layer_arn, read_layer
from dayfly.functions.service import CodeSource, Functions
from dayfly.identity import Scope

KEPT = (
    "VpcConfig", "KMSKeyArn", "SnapStart", "FileSystemConfigs", "TenancyConfig", "RuntimeConfig",
)  # fmt: skip
"""Members that are kept and answered as given; they have no effect here."""
T = TypeVar("T")


def read_settings(params: Params) -> dict[str, Any]:
    """The fields of `Configuration` that a request gives."""
    fields: dict[str, Any] = {}
    plain = {
        "Runtime": "runtime", "Handler": "handler", "Role": "role", "Description": "description",
        "Timeout": "timeout_s", "MemorySize": "memory_mb",
    }  # fmt: skip
    for member, field in plain.items():
        if params.get(member) is not None:
            fields[field] = params[member]
    if "Environment" in params:
        fields["environment"] = dict(params["Environment"].get("Variables") or {})
    if "Layers" in params:
        fields["layers"] = tuple(params["Layers"])
    if "DeadLetterConfig" in params:
        fields["dead_letter"] = params["DeadLetterConfig"].get("TargetArn") or ""
    if "TracingConfig" in params:
        fields["tracing"] = params["TracingConfig"].get("Mode") or "PassThrough"
    if "EphemeralStorage" in params:
        fields["ephemeral_mb"] = params["EphemeralStorage"]["Size"]
    if params.get("Architectures"):
        fields["architecture"] = params["Architectures"][0]
    fields.update(_read_logging(params.get("LoggingConfig")))
    return fields


def read_kept(params: Params, before: Mapping[str, Any]) -> dict[str, Any]:
    return {**before, **{member: params[member] for member in KEPT if member in params}}


def _read_logging(logging: Mapping[str, Any] | None) -> dict[str, Any]:
    if logging is None:
        return {}
    fields: dict[str, Any] = {"log_group": logging.get("LogGroup") or ""}
    if logging.get("LogFormat"):
        fields["log_format"] = logging["LogFormat"]
    fields["application_log_level"] = logging.get("ApplicationLogLevel")
    fields["system_log_level"] = logging.get("SystemLogLevel")
    return fields


def new_configuration(params: Params) -> Configuration:
    """What CreateFunction asks for; its code is filled in later."""
    if params.get("PackageType", "Zip") != "Zip":
        raise InvalidParameter("Functions of PackageType Image are not supported.")
    given = {"runtime": "", "handler": "", "role": "", **read_settings(params)}
    return Configuration(version=LATEST, code=Code(sha256="", size=0), kept=read_kept(params, {}), **given)


def read_source(code: Mapping[str, Any]) -> CodeSource:
    return CodeSource(
        zip=code.get("ZipFile"),
        bucket=code.get("S3Bucket") or "",
        key=code.get("S3Key") or "",
        object_version=code.get("S3ObjectVersion"),
        image=code.get("ImageUri") or "",
    )


def configuration_of(held: Held, version: Configuration, qualifier: str | None, catalogue: Catalogue) -> Params:
    """The FunctionConfiguration shape; the ARN ends with the qualifier that was asked for."""
    shown: Params = {
        "FunctionName": held.name,
        "FunctionArn": f"{held.arn}:{qualifier}" if qualifier else held.arn,
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.size,
        "Description": version.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mb,
        "LastModified": moment(version.modified_ms),
        "CodeSha256": version.code.sha256,
        "Version": version.version,
        "TracingConfig": {"Mode": version.tracing},
        "RevisionId": version.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [version.architecture],
        "EphemeralStorage": {"Size": version.ephemeral_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": _logging_of(held.name, version),
    }
    if version.environment:
        shown["Environment"] = {"Variables": dict(version.environment)}
    if version.layers:
        shown["Layers"] = [_layer_of(arn, catalogue) for arn in version.layers]
    if version.dead_letter:
        shown["DeadLetterConfig"] = {"TargetArn": version.dead_letter}
    for member, value in version.kept.items():
        shown[member] = _answered(member, value)
    return shown


def _answered(member: str, value: Any) -> Any:
    if member == "SnapStart":
        return {"ApplyOn": value.get("ApplyOn", "None"), "OptimizationStatus": "Off"}
    return {**value, "VpcId": ""} if member == "VpcConfig" else value


def _logging_of(name: str, version: Configuration) -> Params:
    logging = {"LogFormat": version.log_format, "LogGroup": log_group_of(name, version)}
    if version.application_log_level:
        logging["ApplicationLogLevel"] = version.application_log_level
    if version.system_log_level:
        logging["SystemLogLevel"] = version.system_log_level
    return logging


def _layer_of(arn: str, catalogue: Catalogue) -> Params:
    name = read_layer(Scope("", ""), arn)
    layer = catalogue.find_layer_version(name.scope, name.name, name.version or 0)
    return {"Arn": arn, "CodeSize": layer.code.size if layer else 0}


def alias_shape(held: Held, alias: Alias) -> Params:
    shown: Params = {
        "AliasArn": f"{held.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        shown["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return shown


def url_shape(functions: Functions, name: FunctionName, url: UrlConfig) -> Params:
    shown: Params = {
        "FunctionUrl": functions.url_text(name.scope, url),
        "FunctionArn": name.arn,
        "AuthType": url.auth,
        "InvokeMode": url.mode,
        "CreationTime": moment(url.created_ms, "Z"),
        "LastModifiedTime": moment(url.modified_ms, "Z"),
    }
    if url.cors:
        shown["Cors"] = url.cors
    return shown


def invoke_config_shape(name: FunctionName, config: EventInvokeConfig) -> Params:
    shown: Params = {
        "FunctionArn": name.arn if name.qualifier else f"{name.arn}:{LATEST}",
        "LastModified": config.modified_ms / 1000,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
    if config.retries is not None:
        shown["MaximumRetryAttempts"] = config.retries
    if config.max_age_s is not None:
        shown["MaximumEventAgeInSeconds"] = config.max_age_s
    return shown


def layer_shape(scope: Scope, layer: LayerVersion) -> Params:
    shown: Params = {
        "LayerVersionArn": f"{layer_arn(scope, layer.name)}:{layer.version}",
        "Version": layer.version,
        "Description": layer.description,
        "CreatedDate": moment(layer.created_ms),
    }
    if layer.runtimes:
        shown["CompatibleRuntimes"] = list(layer.runtimes)
    if layer.architectures:
        shown["CompatibleArchitectures"] = list(layer.architectures)
    if layer.license:
        shown["LicenseInfo"] = layer.license
    return shown


def moment(at_ms: int, zone: str = "+0000") -> str:
    """Lambda's own spelling of a time, e.g. `2026-01-31T12:00:00.000+0000`."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}{zone}"


def page(
    params: Params, member: str, items: Sequence[T], key: Callable[[T], str], shape: Callable[[T], Params]
) -> Params:
    """One page of a listing: `MaxItems` items after `Marker`, which is the key of the last item seen."""
    keys = [key(item) for item in items]
    marker = params.get("Marker")
    start = keys.index(marker) + 1 if marker in keys else 0
    limit = min(params.get("MaxItems") or 50, 50)
    shown = items[start : start + limit]
    answer: Params = {member: [shape(item) for item in shown]}
    if start + limit < len(items):
        answer["NextMarker"] = keys[start + limit - 1]
    return answer
