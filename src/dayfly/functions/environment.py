"""From a function's configuration to all that the pool needs to start it.

The variables are those of https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html. The pool adds what
belongs to a single environment or depends on where code and layers are seen there: the log stream, the runtime API's
address, PATH, LD_LIBRARY_PATH, PYTHONPATH, NODE_PATH.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from dayfly.functions.catalogue import Catalogue, Held
from dayfly.functions.code import CodeStore
from dayfly.functions.model import Code, Configuration
from dayfly.functions.names import LayerName, read_layer
from dayfly.identity import Scope, assumed_role
from dayfly.identity.names import partition_of
from dayfly.runtime import Spec

Credentials = Callable[[Scope, str], tuple[str, str, str]]
"""(scope, principal) → access key id, secret key, session token for code that runs in this scope as this principal."""


def account_credentials(scope: Scope, principal: str) -> tuple[str, str, str]:  # noqa: ARG001 - Credentials
    """Where any key works, the key id says the account that calls land in."""
    return scope.account, "dayfly", "dayfly"


class Specs:
    """Builds specs. `touch` bumps what is mounted from a directory, so that the next event starts afresh."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        code: CodeStore,
        endpoint: str,
        platform_environment: Mapping[str, str],
        credentials: Credentials,
    ) -> None:
        self._catalogue = catalogue
        self._code = code
        self._endpoint = endpoint
        self._platform_environment = dict(platform_environment)
        self._credentials = credentials
        self._touched: dict[str, int] = {}

    def build(self, held: Held, configuration: Configuration) -> Spec:
        """May unpack code that is not on disk yet. Raises InvalidParameter where it is gone."""
        return Spec(
            key=self.key(held, configuration),
            arn=held.arn,
            name=held.name,
            version=configuration.version,
            family=configuration.family,
            runtime=configuration.runtime,
            handler=configuration.handler,
            code=self._code.directory_of(configuration.code),
            layers=tuple(self._code.directory_of(code) for _, code in self._layers(configuration) if code),
            environment=self._environment(held, configuration),
            memory_mb=configuration.memory_mb,
            timeout_ms=configuration.timeout_s * 1000,
            ephemeral_mb=configuration.ephemeral_mb,
            log_group=log_group_of(held.name, configuration),
            reserved=held.function.reserved,
        )

    def key(self, held: Held, configuration: Configuration) -> str:
        codes = [configuration.code, *(code for _, code in self._layers(configuration) if code)]
        touched = sum(self._touched.get(code.directory, 0) for code in codes if code.directory)
        return f"{held.arn}:{configuration.version}#{configuration.generation}.{touched}"

    def touch(self, directory: Path) -> bool:
        """Note that something in this directory changed; True where code of ours is mounted from there."""
        mounted = {code.directory for code in self._every_code() if code.directory}
        hit = [path for path in mounted if _related(Path(path), directory)]
        for path in hit:
            self._touched[path] = self._touched.get(path, 0) + 1
        return bool(hit)

    def missing_layers(self, configuration: Configuration) -> list[str]:
        """ARNs of layers that other accounts own and nobody published here."""
        return [arn for arn, code in self._layers(configuration) if code is None]

    def _every_code(self) -> list[Code]:
        codes = [version.code for held in self._catalogue.every() for version in held.versions.values()]
        return codes + [layer.code for _, layer in self._catalogue.every_layer_version()]

    def _layers(self, configuration: Configuration) -> list[tuple[str, Code | None]]:
        found: list[tuple[str, Code | None]] = []
        for arn in configuration.layers:
            name: LayerName = read_layer(Scope("", ""), arn)
            layer = self._catalogue.find_layer_version(name.scope, name.name, name.version or 0)
            found.append((arn, layer.code if layer else None))
        return found

    def _environment(self, held: Held, configuration: Configuration) -> dict[str, str]:
        key, secret, token = self._credentials(held.scope, _principal(held, configuration))
        return {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **self._platform_environment,
            "AWS_ENDPOINT_URL": self._endpoint,
            **configuration.environment,
            "_HANDLER": configuration.handler,
            "LAMBDA_TASK_ROOT": "/var/task",
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "AWS_REGION": held.scope.region,
            "AWS_DEFAULT_REGION": held.scope.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": held.name,
            "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group_of(held.name, configuration),
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
        }


def _principal(held: Held, configuration: Configuration) -> str:
    """A function acts as a session of its role that has the function's name."""
    role = configuration.role.rpartition("/")[2]
    return assumed_role(held.scope.account, role, held.name, partition_of(held.scope.region))


def log_group_of(name: str, configuration: Configuration) -> str:
    return configuration.log_group or f"/aws/lambda/{name}"


def _related(mounted: Path, changed: Path) -> bool:
    return mounted == changed or mounted in changed.parents or changed in mounted.parents
