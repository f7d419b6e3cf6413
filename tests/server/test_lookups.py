"""What an application asks of the platform while it is read."""

from __future__ import annotations

from pathlib import Path

from dayfly.testing import serve


def test_parameters_secrets_and_outputs_are_those_of_the_platform(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "serverless.yml").write_text(
        "service: first\nprovider: {name: aws, region: eu-west-1}\nresources:\n  Resources:\n"
        "    Name: {Type: 'AWS::SSM::Parameter', Properties: {Name: /a/name, Type: String, Value: Ada}}\n"
        "    Secret: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, SecretString: hidden}}\n"
        "  Outputs: {Where: {Value: here}}\n"
    )
    (second / "serverless.yml").write_text(
        "service: second\nprovider: {name: aws, region: eu-west-1}\nresources:\n  Outputs:\n"
        "    Name: {Value: '${ssm:/a/name}'}\n    Secret: {Value: '${ssm:/aws/reference/secretsmanager/s}'}\n"
        "    Where: {Value: '${cf:first-dev.Where}'}\n    None: {Value: '${ssm:/a/none, \"fallback\"}'}\n"
    )
    with serve(application=[first, second]) as platform:
        outputs = platform.record["stacks"][1]["outputs"]
    assert outputs == {"Name": "Ada", "Secret": "hidden", "Where": "here", "None": "fallback"}
