"""AWS::SecretsManager::*: secrets, at the companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SecretsManager.html
"""

from __future__ import annotations

import json

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed, picked, truth


class Secret:
    """AWS::SecretsManager::Secret."""

    known = frozenset({"Name", "Description", "SecretString", "GenerateSecretString", "KmsKeyId", "Tags"})
    ignored = frozenset({"ReplicaRegions"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated_name(site, logical_id, properties)
        text = await self._text(site, properties)
        params = picked(properties, "Description", "KmsKeyId", "Tags")
        made = await site.do("secretsmanager", "CreateSecret", Name=name, SecretString=text, **params)
        return Physical(id=made["ARN"], attributes={"Id": made["ARN"]})

    async def _text(self, site: Site, properties: Properties) -> str | None:
        given = properties.get("GenerateSecretString")
        if given is None:
            return properties.get("SecretString")
        options = picked(given, "ExcludeCharacters")
        for name in (
            "ExcludeLowercase",
            "ExcludeNumbers",
            "ExcludePunctuation",
            "ExcludeUppercase",
            "IncludeSpace",
            "RequireEachIncludedType",
        ):
            if name in given:
                options[name] = truth(given[name])
        if "PasswordLength" in given:
            options["PasswordLength"] = int(given["PasswordLength"])
        password = (await site.do("secretsmanager", "GetRandomPassword", **options))["RandomPassword"]
        if "GenerateStringKey" not in given:
            return str(password)
        return json.dumps({**json.loads(given.get("SecretStringTemplate", "{}")), given["GenerateStringKey"]: password})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "Name"):
            raise Replace
        params = picked(after, "Description", "KmsKeyId")
        if changed(before, after, "SecretString", "GenerateSecretString"):
            params["SecretString"] = await self._text(site, after)
        await site.do("secretsmanager", "UpdateSecret", SecretId=physical.id, **params)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(
            site,
            "secretsmanager",
            "DeleteSecret",
            "ResourceNotFoundException",
            SecretId=physical.id,
            ForceDeleteWithoutRecovery=True,
        )


TYPES: dict[str, ResourceType] = {
    "AWS::SecretsManager::Secret": Secret(),
}
