"""What each plugin means here: one table. Plugins are JavaScript inside the Framework; none of their code runs.

References: the plugins' own pages, e.g. https://www.serverless.com/plugins/serverless-python-requirements,
https://www.serverless.com/plugins/serverless-wsgi, https://www.serverless.com/plugins/serverless-esbuild
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayfly.app.code import CodeSource
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark, mark_of

_HARMLESS_WORDS = """
serverless-offline serverless-offline-sns serverless-offline-sqs serverless-offline-sqs-external
serverless-offline-ses serverless-offline-ses-v2 serverless-offline-s3 serverless-offline-ssm
serverless-offline-dynamodb-streams serverless-offline-kinesis serverless-offline-scheduler
serverless-offline-schedule serverless-offline-lambda serverless-offline-watcher
serverless-offline-aws-eventbridge serverless-offline-local-authorizers-plugin serverless-offline-python
serverless-offline-direct-lambda serverless-offline-edge-lambda serverless-plugin-offline-dynamodb-stream
serverless-dynamodb-local serverless-dynamodb serverless-dynamodb-client serverless-dynamodb-seed
serverless-localstack serverless-s3-local serverless-prune-plugin serverless-iam-roles-per-function
serverless-export-env serverless-export-outputs serverless-domain-manager serverless-plugin-canary-deployments
serverless-plugin-tracing serverless-aws-documentation serverless-openapi-documentation
serverless-openapi-documenter serverless-auto-swagger serverless-plugin-optimize serverless-plugin-warmup
serverless-plugin-split-stacks serverless-plugin-log-retention serverless-plugin-aws-alerts
serverless-plugin-datadog serverless-plugin-lumigo serverless-sentry serverless-deployment-bucket
serverless-latest-layer-version serverless-hooks-plugin serverless-plugin-scripts serverless-scriptable-plugin
serverless-stack-output serverless-vpc-discovery serverless-layers serverless-package-common
serverless-plugin-git-variables serverless-plugin-bind-deployment-id serverless-plugin-resource-tagging
serverless-plugin-lambda-dead-letter serverless-plugin-common-excludes serverless-plugin-include-dependencies
serverless-plugin-monorepo serverless-plugin-diff serverless-plugin-ifelse serverless-pseudo-parameters
serverless-cloudformation-sub-variables serverless-deployment-environment serverless-aws-resource-names
serverless-plugin-cloudwatch-dashboard serverless-plugin-reducer serverless-associate-waf
serverless-certificate-creator serverless-create-global-dynamodb-table serverless-plugin-test-helper
serverless-jest-plugin serverless-mocha-plugin serverless-artillery serverless-disable-request-validators
serverless-better-credentials serverless-cloudside-plugin serverless-newrelic-lambda-layers
serverless-webpack-prisma serverless-analyze-bundle-plugin serverless-plugin-chrome serverless-dotenv-plugin
serverless-apigw-binary serverless-python-requirements serverless-wsgi serverless-esbuild serverless-webpack
serverless-bundle serverless-plugin-typescript serverless-babel-plugin serverless-tscpaths serverless-parcel
serverless-plugin-esbuild serverless-lift serverless-websockets-plugin serverless-webpack-layers
serverless-plugin-ncc serverless-reqvalidator-plugin @hewmen/serverless-plugin-typescript
serverless-plugin-extrinsic-functions serverless-step-functions serverless-sqs-alarms-plugin serverless-lumigo
serverless-finch aws-amplify-serverless-plugin serverless-cloudfront-invalidate serverless-dynamodb-autoscaling
serverless-provisioned-concurrency-autoscaling
"""
HARMLESS = frozenset(_HARMLESS_WORDS.split())
"""Those whose whole meaning is here already (tools for local work or for AWS accounts), or is given below."""
_BUNDLERS_WORDS = """
serverless-esbuild serverless-plugin-esbuild serverless-webpack serverless-bundle serverless-plugin-typescript
serverless-babel-plugin serverless-parcel serverless-plugin-ncc @hewmen/serverless-plugin-typescript
"""
BUNDLERS = frozenset(_BUNDLERS_WORDS.split())
_EFFECTIVE = BUNDLERS | {
    "serverless-python-requirements",
    "serverless-wsgi",
    "serverless-lift",
    "serverless-dotenv-plugin",
    "serverless-apigw-binary",
    "serverless-reqvalidator-plugin",
    "serverless-aws-documentation",
    "serverless-plugin-extrinsic-functions",
    "serverless-plugin-ifelse",
    "serverless-pseudo-parameters",
    "serverless-websockets-plugin",
    "serverless-step-functions",
    "serverless-cloudformation-sub-variables",
    "serverless-dynamodb",
    "serverless-dynamodb-local",
}

_REQUIREMENTS_SETTINGS = frozenset({"fileName", "layer", "usePipenv", "usePoetry"})


def names_in(value: Any) -> list[str]:
    """`plugins` is a list of names, or `{modules: [names], localPath: …}`."""
    modules = value.get("modules") if isinstance(value, Mapping) else value
    return [str(name) for name in modules or [] if name]


def read(service: Service) -> None:
    listed = service.resolver.value("plugins")
    if not listed:
        return
    for index, name in enumerate(names_in(listed)):
        mark = mark_of(listed, index) or mark_of(service.document, "plugins")
        service.plugins[name] = mark
        if name not in HARMLESS and not name.startswith("serverless-offline"):
            service.report.unsupported(f"plugin {name}", mark)
        elif name not in _EFFECTIVE:
            service.report.ignored(f"plugin {name}", mark)
        elif name in BUNDLERS - {"serverless-esbuild", "serverless-plugin-esbuild"}:
            service.report.ignored(f"plugin {name}: esbuild bundles instead, with its own settings", mark)
            _report_copies(service, mark)
    settings = service.custom("pythonRequirements") or {}
    for key in settings if "serverless-python-requirements" in service.plugins else ():
        if key not in _REQUIREMENTS_SETTINGS:
            service.report.ignored(f"custom.pythonRequirements.{key}", mark_of(settings, key))


def _report_copies(service: Service, mark: Mark | None) -> None:
    """Files that webpack is told to copy are missed only when a handler opens them: said beforehand."""
    named = service.custom("webpack")
    wanted = named.get("webpackConfig") if isinstance(named, Mapping) else named
    config = service.directory / str(wanted or "webpack.config.js")
    if config.is_file() and "copy-webpack-plugin" in config.read_text(encoding="utf-8", errors="replace"):
        what = f"what {config.name} copies (copy-webpack-plugin): name these files in package.patterns"
        service.report.unsupported(what, mark)


def bundles(service: Service, function: Function) -> bool:
    """Whether JavaScript is bundled: by a plugin, or by version 4's own `build`, which a function's may differ from."""
    build = function.definition.get("build") or service.resolver.document.get("build")
    wanted = build == "esbuild" or (isinstance(build, Mapping) and build.get("esbuild"))
    return bool(BUNDLERS & set(service.plugins) or wanted)


def bundler_settings(service: Service) -> dict[str, Any]:
    """The settings of serverless-esbuild, or of version 4's own bundler, in SAM's words (BuildProperties).

    https://www.serverless.com/framework/docs/providers/aws/guide/building
    """
    build = service.resolver.value("build.esbuild")
    own = not BUNDLERS & set(service.plugins)  # version 4's own bundler reads nothing in `custom`
    plain = service.custom("esbuild")
    if own and plain:
        why = "custom.esbuild: serverless-esbuild is not among the plugins (version 4 reads build.esbuild)"
        service.report.ignored(why, mark_of(service.section("custom"), "esbuild"))
    given = (None if own else plain) or build
    if not isinstance(given, Mapping):
        given = {}
    sourcemap = given.get("sourcemap")
    if isinstance(sourcemap, Mapping):  # {type: linked | inline | external, setNodeOptions: …}
        sourcemap = {"linked": True}.get(kind := str(sourcemap.get("type") or "linked"), kind)
    if isinstance(build, Mapping) and build.get("configFile"):
        service.report.unsupported("build.esbuild.configFile", mark_of(build, "configFile"))
    external = [*(given.get("external") or []), *(given.get("exclude") or [])]
    settings = {
        "Minify": given.get("minify"),
        "Target": given.get("target"),
        "Format": given.get("format") or ("esm" if own and _is_module(service.directory) else None),
        "External": [str(one) for one in external if one != "*" and not str(one).startswith("!")],
        "Packages": "external" if given.get("exclude") == "*" or "*" in external else given.get("packages"),
        "Sourcemap": sourcemap,
        "Define": given.get("define"),
        "Loader": given.get("loader"),
        "MainFields": given.get("mainFields"),
        "KeepNames": given.get("keepNames"),
        "Banner": given.get("banner"),
    }
    return {name: value for name, value in settings.items() if value not in (None, [], {})}


def _is_module(directory: Path) -> bool:
    """Whether the package's files are ES modules; version 4 then makes such bundles."""
    try:
        manifest = json.loads((directory / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("type") == "module"


def python_code(service: Service, function: Function, source: CodeSource) -> CodeSource:
    """serverless-python-requirements and serverless-wsgi."""
    from dayfly.app.serverless.packaging import replace

    files = _wsgi_files(service, function)
    if files:
        source = replace(source, method="files", files=files)
    if "serverless-python-requirements" not in service.plugins:
        return source
    settings = service.custom("pythonRequirements") or {}
    module = str(function.definition.get("module") or ".")
    home = service.directory / module
    if module != ".":
        source = replace(source, path=home)
    manifest = _manifest(home, settings) or _manifest(service.directory, settings)
    if manifest is None or settings.get("layer"):
        return source
    return replace(source, method="pip", manifest=manifest)


def _manifest(directory: Path, settings: Mapping[str, Any]) -> Path | None:
    names = [str(settings.get("fileName") or "requirements.txt")]
    names = [*(["poetry.lock", "uv.lock"] if settings.get("usePoetry", True) else []), *names]
    if settings.get("usePipenv", True):
        names.insert(0, "Pipfile.lock")
    return next((directory / name for name in [*names, "Pipfile"] if (directory / name).is_file()), None)


def _wsgi_files(service: Service, function: Function) -> dict[str, str]:
    handler = function.definition.get("handler")
    if "serverless-wsgi" not in service.plugins or handler not in ("wsgi_handler.handler", "wsgi.handler"):
        return {}
    settings = service.custom("wsgi") or {}
    if not settings.get("app"):
        raise ApplicationError.at("serverless-wsgi needs custom.wsgi.app (`module.app`)", function.mark)
    config = {
        "app": settings["app"],
        "text_mime_types": settings.get("textMimeTypes") or [],
        "strip_base_path": settings.get("stripBasePath", service.custom("apiGateway.stripBasePath", False)),
    }
    from dayfly.build.wsgi import ADAPTOR

    return {str(handler).partition(".")[0] + ".py": ADAPTOR, ".serverless-wsgi": json.dumps(config)}


def finish(service: Service) -> None:
    """What plugins add to the template once all else is compiled."""
    binary = service.custom("apigwBinary.types") if "serverless-apigw-binary" in service.plugins else None
    api = service.resources.get("ApiGatewayRestApi")
    if binary and api:
        api["Properties"]["BinaryMediaTypes"] = list(binary)
    settings = service.custom("pythonRequirements") or {}
    if "serverless-python-requirements" in service.plugins and settings.get("layer"):
        _requirements_layer(service, settings)


def _requirements_layer(service: Service, settings: Mapping[str, Any]) -> None:
    manifest = _manifest(service.directory, settings)
    if manifest is None:
        return
    logical_id = "PythonRequirementsLambdaLayer"
    empty = service.directory
    service.code[logical_id] = CodeSource(
        logical_id=logical_id, kind="layer", method="pip", path=empty, manifest=manifest, into="python"
    )
    given = settings["layer"] if isinstance(settings["layer"], Mapping) else {}
    properties = {
        "Content": {"S3Bucket": "dayfly-local", "S3Key": logical_id},
        "LayerName": given.get("name") or f"{service.name}-{service.stage}-python-requirements",
        "CompatibleRuntimes": given.get("compatibleRuntimes"),
    }
    service.add(logical_id, "AWS::Lambda::LayerVersion", properties, mark_of(service.document, "custom"))
