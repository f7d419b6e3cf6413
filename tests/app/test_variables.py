"""Variables of serverless.yml. https://www.serverless.com/framework/docs/guides/variables"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dayfly.app.variables import Doors, Options, Resolver, scripts
from dayfly.app.variables.sources import read_dotenv
from dayfly.app.yaml import ApplicationError, parse


def resolve(tmp_path: Path, text: str, path: str = "custom.x", doors: Doors | None = None, **options: Any) -> Any:
    document = parse(text, tmp_path / "serverless.yml")
    return Resolver(document, tmp_path, Options(**options), doors).value(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x: plain", "plain"),
        ("x: ${self:custom.n}\n  n: 3", 3),
        ("x: a-${self:custom.n}-b\n  n: 3", "a-3-b"),
        ("x: ${self:custom.m}\n  m: {k: [1, 2]}", {"k": [1, 2]}),
        ("x: ${opt:stage, self:provider.stage}", "dev"),
        ("x: ${opt:stage, 'prod'}", "prod"),
        ("x: ${opt:none, 5}", 5),
        ("x: ${opt:none, true}", True),
        ('x: ${opt:none, ""}', ""),
        ("x: ${opt:none, null}", None),
        ("x: ${self:custom.${self:provider.stage}.y}\n  dev: {y: inner}", "inner"),
        ("x: ${self:custom.none, self:custom.also.none, ${opt:none, 'deep, } comma'}}", "deep, } comma"),
        ("x: arn:${AWS::Region}:${Name}:${sls:stage}", "arn:${AWS::Region}:${Name}:dev"),
        ("x: ${aws:region}/${aws:accountId}", "us-east-1/000000000000"),
        ("x: ${strToBool(${self:custom.t})}\n  t: 'true'", True),
        ("x: ${self:service}-${self:service.name}", "svc-svc"),
        ("x: ${self:custom.list.1}\n  list: [a, b]", "b"),
        ("x: ${self:custom.a.b}\n  a: ${self:custom.c}\n  c: {b: through}", "through"),
        ("x: ${param:key}", "of-dev"),
        ("x: ${env:HOME_TOWN}", "Ulm"),
        ("x: ${env:NONE, 'fallback'}", "fallback"),
        ("x: unclosed ${self:custom", "unclosed ${self:custom"),
    ],
)
def test_a_variable_has_its_value(tmp_path: Path, text: str, value: Any) -> None:
    whole = f"service: {{name: svc}}\nprovider: {{name: aws}}\nparams: {{dev: {{key: of-dev}}}}\ncustom:\n  {text}\n"
    assert resolve(tmp_path, whole, environment={"HOME_TOWN": "Ulm"}) == value


def test_files_are_read_and_addressed(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("top: {in: '${self:custom.n}'}\n")
    (tmp_path / "b.json").write_text('{\n\t"k": [1, {"z": "json"}]\n}')
    (tmp_path / "c.txt").write_text("text\n")
    wanted = "['${file(./a.yml):top.in}', '${file(b.json):k.1.z}', '${file(c.txt)}', '${file(no.yml), 1}']"
    text = f"custom:\n  n: 7\n  x: {wanted}"
    assert resolve(tmp_path, text) == [7, "json", "text", 1]


def test_a_file_may_refer_to_what_it_becomes_a_part_of(tmp_path: Path) -> None:
    (tmp_path / "common.yml").write_text(
        "stage: ${opt:stage, 'dev'}\nhosts: {dev: d.example.com}\n"
        "domain: {name: '${self:custom.hosts.${self:custom.stage}}', base: '${self:custom.domain.name}/v1'}\n"
    )
    made = resolve(tmp_path, "custom: ${file(common.yml)}", "custom")
    assert made["domain"] == {"name": "d.example.com", "base": "d.example.com/v1"}
    assert resolve(tmp_path, "custom: ${file(common.yml)}\nx: '${self:custom.domain}'", "x.base") == "d.example.com/v1"


def test_a_file_that_holds_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "common.yml").write_text("inner: {again: '${self:custom}'}\n")
    with pytest.raises(ApplicationError, match="contains itself"):
        resolve(tmp_path, "custom: ${file(common.yml)}", "custom")


@pytest.mark.node
def test_javascript_files_are_evaluated(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(
        "console.log('noise');\nmodule.exports.f = async ({options}) => ({stage: options.stage});\n"
        "module.exports.v = {n: 1};"
    )
    assert resolve(tmp_path, "custom:\n  x: ['${file(./a.js):f.stage}', '${file(./a.js):v}']") == ["dev", {"n": 1}]


@pytest.mark.node
def test_a_javascript_file_runs_once_for_all_who_refer_to_the_same_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("module.exports = () => { require('fs').appendFileSync('ran', '.'); return {n: 1} }")
    assert resolve(tmp_path, "custom:\n  x: ['${file(./a.js)}', '${file(./a.js)}']") == [{"n": 1}, {"n": 1}]
    assert (tmp_path / "ran").read_text() == "."


@pytest.mark.node
def test_a_javascript_file_can_ask_for_variables(tmp_path: Path) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/guide/variables#reference-variables-in-javascript-files"""
    (tmp_path / "a.js").write_text(
        "module.exports.now = async ({resolveVariable, resolveConfigurationProperty}) =>\n"
        "  [await resolveVariable('self:custom.n, 0'), await resolveVariable('opt:none, \"d\"'),\n"
        "   await resolveConfigurationProperty(['custom', 'm'])];\n"
        "module.exports.before = serverless => serverless.service.custom.n + 1;\n"
        "module.exports.wrong = async ({resolveVariable}) => resolveVariable('self:custom.none');\n"
    )
    text = "custom:\n  n: 3\n  m: {k: '${self:custom.n}'}\n  x: '${file(./a.js):%s}'"
    assert resolve(tmp_path, text % "now") == [3, "d", {"k": 3}]
    assert resolve(tmp_path, text % "before") == 4
    with pytest.raises(ApplicationError, match=r"\$\{self:custom\.none\} .* has no value"):
        resolve(tmp_path, text % "wrong")


@pytest.mark.node
def test_a_bundle_finds_the_packages_of_the_directory_it_was_made_from(tmp_path: Path) -> None:
    package = tmp_path / "application" / "node_modules" / "settings"
    package.mkdir(parents=True)
    (package / "index.js").write_text("module.exports = {name: 'shop'};")
    file, bundle = tmp_path / "application" / "serverless.ts", tmp_path / "cache" / "made.cjs"
    bundle.parent.mkdir()
    bundle.write_text("module.exports = {service: require('settings').name, at: __filename};")
    file.write_text("")
    made = scripts.run(file, target=bundle, address="", options={}, environment=dict(os.environ))
    assert made == {"service": "shop", "at": str(file)}


@pytest.mark.node
@pytest.mark.parametrize(
    ("script", "message", "line"),
    [
        ("\nrequire('not-installed')", "Cannot find module 'not-installed' \\(run npm install first\\)", 2),
        ("module.exports = () => {\n throw new Error('first\\nsecond') }", "cannot be evaluated: first$", 2),
        ("console.error('bye'); process.exit(3)", "cannot be evaluated: bye$", None),
    ],
)
def test_a_javascript_file_that_fails_says_why_and_where(
    tmp_path: Path, script: str, message: str, line: int | None
) -> None:
    (tmp_path / "a.js").write_text(script)
    with pytest.raises(ApplicationError, match=message) as refused:
        resolve(tmp_path, "custom:\n  x: '${file(./a.js)}'")
    assert refused.value.line == line


def test_a_cycle_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match="needs its own value") as refused:
        resolve(tmp_path, "custom:\n  x: ${self:custom.y}\n  y: ${self:custom.x}")
    assert refused.value.line in (2, 3)


def test_what_has_no_value_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match="environment variable NOPE is not set") as refused:
        resolve(tmp_path, "custom:\n  y: 1\n  x: a${env:NOPE}")
    assert (refused.value.file, refused.value.line) == (tmp_path / "serverless.yml", 3)


def test_doors_answer_for_what_is_outside(tmp_path: Path) -> None:
    doors = Doors(
        ssm=lambda region, name: f"{region}{name}",
        stack_output=lambda region, stack, output: f"{region}.{stack}.{output}",
        s3=lambda bucket, key: f"{bucket}+{key}",
    )
    wanted = "['${ssm:/a/b~true}', '${ssm(eu-west-1):/a}', '${cf:st.Out}', '${cf(eu-west-1):st.Out}', '${s3:b/k/l}']"
    assert resolve(tmp_path, f"custom:\n  x: {wanted}", doors=doors) == [
        "us-east-1/a/b", "eu-west-1/a", "us-east-1.st.Out", "eu-west-1.st.Out", "b+k/l",
    ]  # fmt: skip


def test_what_is_not_asked_for_is_not_resolved(tmp_path: Path) -> None:
    assert resolve(tmp_path, "custom:\n  bad: ${env:NOPE}\n  x: fine") == "fine"


def test_dotenv_files_are_read_as_the_framework_reads_them(tmp_path: Path) -> None:
    """https://www.npmjs.com/package/dotenv"""
    (tmp_path / ".env").write_text(
        "# a comment\nHOURS=24# hours\nexport NAME = ada\nEMPTY=\nQUOTED='a # b'   # said\n"
        'KEY="first\nsecond\\nthird"\nYAML: value\nURL=https://${NAME}.example.com/$HOURS${NONE:-x}\nPRICE=\\$5\n'
        "not a line\nAFTER=it's\n"
    )
    (tmp_path / ".env.dev").write_text("NAME=bob\n")
    assert read_dotenv(tmp_path, "dev")[0] == {
        "HOURS": "24", "NAME": "bob", "EMPTY": "", "QUOTED": "a # b", "KEY": "first\nsecond\nthird", "YAML": "value",
        "URL": "https://bob.example.com/24x", "PRICE": "$5", "AFTER": "it's",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "advice"),
    [
        ("${ssm:/site/url}", r"aws ssm put-parameter …`\): `dayfly up --state .dayfly` runs the platform"),
        ("${ssm:/aws/reference/secretsmanager/site}", "aws secretsmanager create-secret …`"),
        ("${cf:site-dev.Url}", "name the application that makes it as well, before this one"),
    ],
)
def test_what_is_kept_elsewhere_and_is_not_there_comes_with_advice(tmp_path: Path, wanted: str, advice: str) -> None:
    doors = Doors(ssm=lambda region, name: None, stack_output=lambda region, stack, name: None)
    with pytest.raises(ApplicationError, match=advice) as refused:
        resolve(tmp_path, f"custom:\n  x: {wanted}", doors=doors)
    assert refused.value.line == 2
