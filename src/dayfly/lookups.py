"""Values that an application asks for while it is read: parameters, secrets, outputs of stacks, objects.

An application is read in a thread, the services answer in the event loop; what is asked for starts them.
https://www.serverless.com/framework/docs/providers/aws/guide/variables
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dayfly.api import Refused
from dayfly.app.variables import Doors
from dayfly.identity import Caller, Scope
from dayfly.stacks import Stacks

Call = Callable[[Caller, str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
_SECRET = "/aws/reference/secretsmanager/"
_MISSING = frozenset({"ParameterNotFound", "ResourceNotFoundException", "NoSuchKey", "NoSuchBucket"})


def lookups(*, account: str, region: str, call: Call, stacks: Stacks) -> Doors:
    """The doors for `load`; make them in the running loop."""
    loop = asyncio.get_running_loop()

    def ask(where: str, service: str, operation: str, **params: Any) -> dict[str, Any] | None:
        """None: there is no such thing. Raises Refused for anything else."""

        async def asked() -> dict[str, Any]:
            return await call(Caller(scope=Scope(account, where)), service, operation, params)

        try:
            return asyncio.run_coroutine_threadsafe(asked(), loop).result()
        except Refused as refused:
            if refused.code in _MISSING:
                return None
            raise

    def ssm(where: str, name: str) -> Any:
        if name.startswith(_SECRET):
            secret = ask(where, "secretsmanager", "GetSecretValue", SecretId=name.removeprefix(_SECRET))
            return secret and secret.get("SecretString")
        found = ask(where, "ssm", "GetParameter", Name=name, WithDecryption=True)
        if found is None:
            return None
        value, kind = found["Parameter"]["Value"], found["Parameter"].get("Type")
        return value.split(",") if kind == "StringList" else value

    def stack_output(where: str, name: str, output: str) -> Any:
        stack = stacks.find(Scope(account, where), name)
        found = stack.outputs.get(output) if stack is not None else None
        return found.value if found is not None else None

    def s3(bucket: str, key: str) -> str | None:
        found = ask(region, "s3", "GetObject", Bucket=bucket, Key=key)
        if found is None:
            return None
        body = found["Body"]
        return bytes(body if isinstance(body, bytes) else body.read()).decode()

    return Doors(ssm=ssm, stack_output=stack_output, s3=s3)
