"""Where the code of a SAM or CloudFormation function or layer lies, and how it is built.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build.html
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayfly.app.code import CodeSource
from dayfly.app.report import Report
from dayfly.app.supplied import inline_files
from dayfly.app.yaml import Map, Mark, mark_of

CODE_BUCKET = "dayfly-local"
_PROPERTY = {
    "AWS::Serverless::Function": ("CodeUri", "function"),
    "AWS::Lambda::Function": ("Code", "function"),
    "AWS::Serverless::LayerVersion": ("ContentUri", "layer"),
    "AWS::Lambda::LayerVersion": ("Content", "layer"),
}


def code_of(
    logical_id: str, resource: Map, globals_: Mapping[str, Any], directory: Path, report: Report
) -> CodeSource | None:
    """Takes the local path out of the resource (a placeholder stays) and says what it was. None: no local code."""
    if resource["Type"] not in _PROPERTY:
        return None
    key, kind = _PROPERTY[resource["Type"]]
    properties = resource.get("Properties")
    if not isinstance(properties, Map):
        properties = resource["Properties"] = Map(resource.mark)
    mark = mark_of(properties, key) or resource.mark
    runtime = str(properties.get("Runtime") or globals_.get("Runtime") or "")
    handler = str(properties.get("Handler") or globals_.get("Handler") or "")
    inline = _inline(properties, key)
    if inline is not None:
        if "${" in inline and not isinstance(properties.get("InlineCode") or "", str):
            report.unsupported(f"references within the inline code of {logical_id} stay as they are", mark)
        _set(properties, key, logical_id, resource["Type"])
        return CodeSource(
            logical_id=logical_id, method="files", path=directory / ".dayfly-inline",
            files=inline_files(inline, runtime),
            runtime=runtime, handler=handler,
        )  # fmt: skip
    given = properties.get(key, globals_.get(key))
    package = str(properties.get("PackageType") or globals_.get("PackageType") or "Zip")
    if package == "Image" or (isinstance(given, Mapping) and "ImageUri" in given) or "ImageUri" in properties:
        report.unsupported(f"function {logical_id} is a container image, which cannot run here", mark)
        if resource["Type"] == "AWS::Serverless::Function":
            properties["ImageUri"] = f"{logical_id}:local"  # the translator insists on one
        return None
    if given is None and kind == "function" and resource["Type"].startswith("AWS::Serverless"):
        given = "."
    if not isinstance(given, str) or given.startswith(("s3://", "https://")):
        if given is not None:
            report.unsupported(f"code of {logical_id} lies in S3; dayfly runs code from files", mark)
        _set(properties, key, logical_id, resource["Type"])
        return None
    _set(properties, key, logical_id, resource["Type"])
    path = (directory / given).resolve()
    if not path.exists():
        report.warning(f"the code of {logical_id} ({given}) does not exist yet", mark)
    return _source(logical_id, kind, path, runtime, handler, resource, mark, report)


def _inline(properties: Map, key: str) -> str | None:
    code = properties.get(key)
    inline = properties.get("InlineCode") or (code.get("ZipFile") if isinstance(code, Mapping) else None)
    if isinstance(inline, Mapping) and isinstance(inline.get("Fn::Sub"), str):
        return str(inline["Fn::Sub"])
    if isinstance(inline, Mapping) and "Fn::Join" in inline:
        separator, parts = inline["Fn::Join"]
        return str(separator).join(str(part) for part in parts)
    return inline if isinstance(inline, str) else None


def _set(properties: Map, key: str, logical_id: str, resource_type: str) -> None:
    properties.pop("InlineCode", None)
    if resource_type.startswith("AWS::Serverless"):
        properties[key] = f"s3://{CODE_BUCKET}/{logical_id}"
    else:
        properties[key] = {"S3Bucket": CODE_BUCKET, "S3Key": logical_id}


def _source(
    logical_id: str, kind: Any, path: Path, runtime: str, handler: str, resource: Map,
    mark: Mark | None, report: Report,
) -> CodeSource:  # fmt: skip
    metadata = resource.get("Metadata") or {}
    method = str(metadata.get("BuildMethod") or "")
    settings = metadata.get("BuildProperties") or {}
    source = CodeSource(
        logical_id=logical_id, kind=kind, path=path, runtime=runtime, handler=handler, target=logical_id
    )
    change = _changed
    if path.is_file():
        return change(source, method="archive") if path.suffix in (".zip", ".jar") else change(source, path=path.parent)
    if metadata.get("SkipBuild"):
        return source
    if method == "esbuild":
        entries = tuple(str(entry) for entry in settings.get("EntryPoints") or [_entry(path, handler)])
        return change(source, method="esbuild", entries=entries, properties=dict(settings))
    if method == "makefile":
        return change(source, method="makefile", properties=dict(settings))
    language = method or runtime
    if kind == "layer" and not method:
        return source
    into = "" if kind == "function" else "python" if language.startswith("python") else "nodejs"
    if language.startswith("python"):
        manifest = path / "requirements.txt"
        return (
            change(source, method="pip", manifest=manifest, into=into) if manifest.is_file() else _moved(source, into)
        )
    if language.startswith("nodejs"):
        return (
            change(source, method="npm", manifest=path / "package.json", into=into)
            if _needs_npm(path)
            else _moved(source, into)
        )
    if method and not language.startswith("provided"):
        report.unsupported(f"BuildMethod {method} of {logical_id}", mark_of(metadata, "BuildMethod") or mark)
    return source


def _entry(path: Path, handler: str) -> str:
    """What is bundled where the template does not say: the file that the handler names, else SAM's `app`."""
    named = handler.rpartition(".")[0].removeprefix("./")
    there = any((path / f"{named}{suffix}").is_file() for suffix in (".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs"))
    return named if named and there else "app"


def _moved(source: CodeSource, into: str) -> CodeSource:
    """A layer whose content is to stand in a folder (python/, nodejs/) although nothing is installed."""
    return _changed(source, method="files", into=into) if into else source


def _needs_npm(path: Path) -> bool:
    """Packages are installed for the user where their own `npm install` has not been run."""
    import json

    manifest = path / "package.json"
    if not manifest.is_file() or (path / "node_modules").is_dir():
        return False
    try:
        return bool(json.loads(manifest.read_text(encoding="utf-8")).get("dependencies"))
    except ValueError:
        return False


def _changed(source: CodeSource, **changes: Any) -> CodeSource:
    import msgspec.structs

    return msgspec.structs.replace(source, **changes)
