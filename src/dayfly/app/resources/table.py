"""All resource types that exist here, by CloudFormation name; a module is imported when it is first asked for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

from dayfly.app import resources
from dayfly.app.resources import ResourceType

_FIRST_LOOK = {
    "ApiGateway": "apigateway",
    "ApiGatewayV2": "apigatewayv2",
    "Cognito": "cognito",
    "DynamoDB": "dynamodb",
    "Events": "events",
    "IAM": "iam",
    "KMS": "kms",
    "Kinesis": "kinesis",
    "Lambda": "lambda_",
    "Logs": "logs",
    "S3": "s3",
    "SES": "ses",
    "SNS": "sns",
    "SQS": "sqs",
    "SSM": "ssm",
    "Scheduler": "events",
    "SecretsManager": "secretsmanager",
    "StepFunctions": "stepfunctions",
}
"""Where a service's types most likely are; a wrong guess costs an import, not the type."""


class TypeTable(Mapping[str, ResourceType]):
    """The `TYPES` of every module beside this one."""

    def __init__(self) -> None:
        self._found: dict[str, ResourceType] = {}
        self._unread = {module.name for module in pkgutil.iter_modules(resources.__path__)} - {"table"}

    def __getitem__(self, name: str) -> ResourceType:
        if name not in self._found:
            # The one custom resource that has a type of its own is S3's.
            self._read("s3" if name == "Custom::S3" else _FIRST_LOOK.get(_service_of(name), "inert"))
        if name not in self._found and name.startswith("Custom::"):
            from dayfly.app.resources.custom import Custom

            self._found[name] = Custom(name)
        for module in sorted(self._unread):
            if name in self._found:
                break
            self._read(module)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        for module in sorted(self._unread):
            self._read(module)
        return iter(self._found)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _read(self, module: str) -> None:
        if module in self._unread:
            self._unread.discard(module)
            loaded = importlib.import_module(f"dayfly.app.resources.{module}")
            self._found.update(getattr(loaded, "TYPES", {}))


def _service_of(name: str) -> str:
    return name.split("::")[1] if name.count("::") == 2 else ""


TABLE = TypeTable()
