"""What directory each function gets. No package registry is needed here; tools are stood in for by small scripts."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dayfly.app.application import Application
from dayfly.app.code import CodeSource
from dayfly.build import Builder, BuildFailed, build, esbuild, python
from dayfly.build.wsgi import ADAPTOR


def application(tmp_path: Path, *sources: CodeSource) -> Application:
    return Application(
        name="a", stage="dev", region="us-east-1", account="0", format="sam", path=tmp_path / "template.yaml",
        template={"Resources": {}}, code={source.logical_id: source for source in sources},
    )  # fmt: skip


def wheel(folder: Path, name: str) -> Path:
    """A package that pip installs from a file."""
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{name}.py", "VALUE = 1\n")
        packed.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        packed.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{name}-1.dist-info/RECORD", "")
    return path


async def test_code_that_is_ready_is_mounted_as_it_lies(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    builder = Builder(application(tmp_path, CodeSource(logical_id="F", path=code)), tmp_path / "cache")
    assert await builder.build() == {"F": code}
    (code / "app.py").write_text("x = 1")
    assert await builder.refresh([code / "app.py"]) == {"F"}
    assert await builder.refresh([tmp_path / "elsewhere.py", code / "__pycache__" / "x.pyc"]) == set()


async def test_packages_lie_beside_the_code_and_a_saved_file_is_followed(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    (code / "app.py").write_text("import tiny\n")
    manifest = code / "requirements.txt"
    manifest.write_text(f"{wheel(tmp_path, 'tiny')}\n")
    sources = [
        CodeSource(logical_id=name, path=code, method="pip", manifest=manifest, handler=f"app.{name}") for name in "FG"
    ]
    said: list[str] = []
    builder = Builder(application(tmp_path, *sources), tmp_path / "cache", said.append)
    directories = await builder.build()
    assert directories["F"] == directories["G"]
    stage = directories["F"]
    assert {"app.py", "tiny.py"} <= {path.name for path in stage.iterdir()}
    new = code / "app.py.new"
    new.write_text("import tiny as t\n")
    new.rename(code / "app.py")
    (code / "more.py").write_text("y = 1\n")
    assert await builder.refresh([code / "app.py", code / "more.py"]) == {"F", "G"}
    assert (stage / "app.py").read_text() == "import tiny as t\n"
    assert (stage / "more.py").exists()
    (code / "more.py").unlink()
    await builder.refresh([code / "more.py"])
    assert not (stage / "more.py").exists()
    await Builder(application(tmp_path, *sources), tmp_path / "cache", said.append).build()
    assert len(said) == 1


async def test_what_cannot_be_installed_is_one_sentence_and_the_others_run(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    manifest = code / "requirements.txt"
    manifest.write_text("./no-such-wheel.whl\n")
    bad = CodeSource(logical_id="Bad", path=code, method="pip", manifest=manifest)
    good = CodeSource(logical_id="Good", path=code)
    builder = Builder(application(tmp_path, bad, good), tmp_path / "cache")
    directories = await builder.build()
    assert directories["Good"] == code
    assert [path.name for path in directories["Bad"].iterdir()] == ["requirements.txt"]
    assert "installing requirements.txt failed" in builder.failures["Bad"]
    with pytest.raises(BuildFailed, match=r"installing requirements\.txt failed"):
        await build(application(tmp_path, bad), tmp_path / "cache")
    manifest.write_text(f"{wheel(tmp_path, 'tiny')}\n")
    assert await builder.refresh([manifest]) == {"Bad", "Good"}
    assert builder.failures == {}
    assert (directories["Bad"] / "tiny.py").exists()


@pytest.mark.parametrize(
    ("listed", "ready"), [("old[x]==1.0 ; python_version > '3'\ntiny==1\n", True), ("tiny==1\n", False)]
)
async def test_a_version_that_cannot_be_built_any_more_gives_way_to_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, ready: bool
) -> None:
    tool = tmp_path / "tools" / "uv"
    tool.parent.mkdir()
    # Stands in for uv: cannot build old 1.0, which tiny may need too.
    tool.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        "listed = pathlib.Path(sys.argv[-1]).read_text()\n"
        "if 'old[x]' not in listed or '==1.0' in listed:\n"
        "    sys.exit('error: Failed to build `old==1.0`\\n  cause: much more')\n"
        "if 'old[x]>1.0,<2 ;' in listed:\n"
        "    sys.exit('error: Failed to build `old==1.9`')\n"
        "pathlib.Path(sys.argv[sys.argv.index('--target') + 1], 'made.txt').write_text(listed)\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    manifest = tmp_path / "requirements.txt"
    manifest.write_text(listed)
    said: list[str] = []
    if not ready:
        with pytest.raises(BuildFailed, match=r"old 1\.0 cannot be built$"):
            await python.packages(manifest, tmp_path / "cache", said.append)
        return
    made = await python.packages(manifest, tmp_path / "cache", said.append)
    assert (made / "made.txt").read_text() == "old[x] ; python_version > '3'\ntiny==1\n"
    assert [line.partition(" cannot be built")[0] for line in said[1:]] == ["old 1.0", "old 1.9"]


async def test_what_cannot_be_installed_is_tried_once_for_all_who_need_it(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    manifest = code / "requirements.txt"
    manifest.write_text("./no-such-wheel.whl\n")
    said: list[str] = []
    sources = [
        CodeSource(logical_id=name, path=code, method="pip", manifest=manifest, files={name: ""}) for name in "FG"
    ]
    builder = Builder(application(tmp_path, *sources), tmp_path / "cache", said.append)
    await builder.build()
    assert set(builder.failures) == {"F", "G"}
    assert [line for line in said if line.startswith("installing")] == [
        "installing the Python packages of requirements.txt"
    ]


async def test_archives_are_unpacked_and_generated_files_are_written(tmp_path: Path) -> None:
    archive = tmp_path / "f.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("lib/index.js", "exports.h = 1")
    sources = [
        CodeSource(logical_id="Z", path=archive, method="archive"),
        CodeSource(logical_id="I", path=tmp_path / "none", method="files", files={"index.py": "x = 1"}),
    ]
    directories = await Builder(application(tmp_path, *sources), tmp_path / "cache").build()
    assert (directories["Z"] / "lib/index.js").read_text() == "exports.h = 1"
    assert (directories["I"] / "index.py").read_text() == "x = 1"


async def test_a_makefile_fills_the_directory_it_is_given(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    (code / "Makefile").write_text("build-F:\n\techo made > $(ARTIFACTS_DIR)/made.txt\n")
    source = CodeSource(logical_id="F", path=code, method="makefile", target="F")
    directories = await Builder(application(tmp_path, source), tmp_path / "cache").build()
    assert (directories["F"] / "made.txt").read_text() == "made\n"


async def test_bundles_land_where_the_handler_names_them(tmp_path: Path) -> None:
    code = tmp_path / "src"
    (code / "api").mkdir(parents=True)
    (code / "api" / "list.ts").write_text("export const handler = 1")
    tool = code / "node_modules" / ".bin" / "esbuild"
    tool.parent.mkdir(parents=True)
    # Stands in for esbuild: writes its arguments where the bundle would be.
    tool.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        "root = pathlib.Path([a for a in sys.argv if a.startswith('--outdir=')][0][9:])\n"
        "out = root / sys.argv[1].replace('.ts', '.js')\n"
        "out.parent.mkdir(parents=True, exist_ok=True)\nout.write_text(' '.join(sys.argv))\n"
    )
    tool.chmod(0o755)
    source = CodeSource(
        logical_id="F", path=code, method="esbuild", entries=("api/list.ts",), handler="api/list.handler",
        properties={"Minify": True, "External": ["sharp"]},
    )  # fmt: skip
    directories = await Builder(application(tmp_path, source), tmp_path / "cache").build()
    said = (directories["F"] / "api" / "list.js").read_text()
    for option in ("--minify", "--external:sharp", "--external:@aws-sdk/*", "--platform=node", "--target=node20"):
        assert option in said


async def test_files_that_the_package_patterns_name_lie_beside_the_bundle(tmp_path: Path) -> None:
    code = tmp_path / "src"
    for name in ("index.js", "views/home.html", "views/draft.html", "node_modules/x/x.html", "notes.txt"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(name)
    tool = code / "node_modules" / ".bin" / "esbuild"
    tool.parent.mkdir(parents=True)
    # Stands in for esbuild: writes an empty bundle.
    tool.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        "root = pathlib.Path([a for a in sys.argv if a.startswith('--outdir=')][0][9:])\n"
        "(root / 'index.js').write_text('bundled')\n"
    )
    tool.chmod(0o755)
    source = CodeSource(
        logical_id="F", path=code, method="esbuild", entries=("index.js",), handler="index.handler",
        patterns=("!serverless.y*ml", "**/*.html", "!views/draft.html", "*.js"),
    )  # fmt: skip
    found = (await Builder(application(tmp_path, source), tmp_path / "cache").build())["F"]
    assert sorted(path.relative_to(found).as_posix() for path in found.rglob("*.*")) == ["index.js", "views/home.html"]
    assert (found / "index.js").read_text() == "bundled"


async def test_a_package_that_is_not_there_is_left_out_of_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text("exports.h = () => require('sharp')")
    tool = tmp_path / "tool"
    # Stands in for esbuild: cannot find sharp unless it is told to leave it out.
    tool.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        "if '--external:sharp' not in sys.argv:\n"
        "    sys.exit('[ERROR] Could not resolve \"sharp\"')\n"
        "pathlib.Path('made').touch()\n"
    )
    tool.chmod(0o755)
    await esbuild.bundle(tool, tmp_path, ["index"], {}, tmp_path / "out", what="F")
    assert (tmp_path / "made").exists()


async def test_a_file_of_the_application_that_is_not_there_fails_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text("require('./gone')")
    tool = tmp_path / "tool"
    tool.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('[ERROR] Could not resolve \"./gone\"')\n")
    tool.chmod(0o755)
    with pytest.raises(BuildFailed, match="gone"):
        await esbuild.bundle(tool, tmp_path, ["index"], {}, tmp_path / "out", what="F")


@pytest.mark.parametrize(
    ("version", "used"), [("0.14.11", False), ("0.16.4", False), ("0.16.5", True), ("0.25.0", True)]
)
def test_an_esbuild_of_the_application_that_is_too_old_is_not_used(tmp_path: Path, version: str, used: bool) -> None:
    for name, text in ((".bin/esbuild", ""), ("esbuild/package.json", f'{{"version": "{version}"}}')):
        (tmp_path / "node_modules" / name).parent.mkdir(parents=True)
        (tmp_path / "node_modules" / name).write_text(text)
    found = esbuild.find(tmp_path / "src")
    assert (found == tmp_path / "node_modules" / ".bin" / "esbuild") is used


def test_a_configuration_in_typescript_knows_where_each_of_its_files_lies(tmp_path: Path) -> None:
    """`serverless create --template aws-nodejs-typescript` names its handlers by `__dirname`."""
    (tmp_path / "src" / "hello").mkdir(parents=True)
    (tmp_path / "serverless.ts").write_text("import hello from './src/hello'")
    (tmp_path / "src" / "hello" / "index.ts").write_text("export default __dirname")
    tool = tmp_path / "node_modules" / ".bin" / "esbuild"
    tool.parent.mkdir(parents=True)
    # Stands in for esbuild: writes a bundle as it would.
    tool.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "made = [a for a in sys.argv if a.startswith('--outfile=')][0][10:]\n"
        "open(made, 'w').write('// src/hello/index.ts\\nvar hello = __dirname;\\n\\n"
        "// serverless.ts\\n// none.ts\\nmodule.exports = [hello, __filename, __fileurl, x_dirname];\\n')\n"
    )
    tool.chmod(0o755)
    assert esbuild.bundle_config(tmp_path / "serverless.ts", tmp_path / "cache").read_text() == (
        f'// src/hello/index.ts\nvar hello = "{tmp_path}/src/hello";\n\n// serverless.ts\n// none.ts\n'
        f'module.exports = [hello, "{tmp_path}/serverless.ts", "file://{tmp_path}/serverless.ts", x_dirname];\n'
    )


def test_the_settings_of_sam_become_esbuilds_options() -> None:
    settings: dict[str, Any] = {
        "Format": "esm", "Sourcemap": True, "Target": "es2022", "OutExtension": [".js=.mjs"],
        "Loader": {".png": "text"},
    }  # fmt: skip
    made = esbuild.arguments(settings, Path("/out"))
    assert {"--format=esm", "--sourcemap", "--target=es2022", "--out-extension:.js=.mjs", "--loader:.png=text"} <= set(
        made
    )


def test_requirements_hold_those_of_the_files_that_they_name(tmp_path: Path) -> None:
    """https://pip.pypa.io/en/stable/reference/requirements-file-format/#referring-to-other-requirements-files"""
    (tmp_path / "more").mkdir()
    (tmp_path / "requirements.txt").write_text("-r more/base.txt\na==1\n-c limits.txt\n--requirement=gone.txt\n")
    (tmp_path / "more" / "base.txt").write_text("b==2\n-r deep.txt # said\n-r base.txt")
    (tmp_path / "more" / "deep.txt").write_text("c==3")
    (tmp_path / "limits.txt").write_text("d<4")
    made = python.requirements_of(tmp_path / "requirements.txt")
    assert made.split("\n") == [
        "b==2", "c==3", "a==1", f"-c {tmp_path}/limits.txt", "--requirement=gone.txt", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("requirements.txt", "a==1\n", "a==1\n"),
        ("Pipfile.lock", '{"default": {"b": {"version": "==2"}}}', "b==2\n"),
        ("Pipfile", '[packages]\nc = "*"\nd = {version = ">=1"}\n', "c\nd>=1\n"),
        ("poetry.lock", '[[package]]\nname = "e"\nversion = "3"\n', "e==3\n"),
    ],
)
def test_every_manifest_is_read_as_requirements(tmp_path: Path, name: str, text: str, expected: str) -> None:
    (tmp_path / name).write_text(text)
    assert python.requirements_of(tmp_path / name) == expected


@pytest.fixture
def wsgi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    name = f"wsgi_site_{os.getpid()}_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(
        "def app(environ, start):\n"
        "    body = environ['wsgi.input'].read()\n"
        "    start('201 Created', [('Content-Type', 'text/plain'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')])\n"
        "    said = [environ[k] for k in ('REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'HTTP_X_A')]\n"
        "    return ['|'.join(said).encode(), b'|', body]\n"
    )
    (tmp_path / ".serverless-wsgi").write_text(json.dumps({"app": f"{name}.app"}))
    (tmp_path / "wsgi_handler.py").write_text(ADAPTOR)
    spec = importlib.util.spec_from_file_location("wsgi_handler_under_test", tmp_path / "wsgi_handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    spec.loader.exec_module(module)
    return module.handler


def test_a_wsgi_application_answers_an_http_api(wsgi: Any) -> None:
    event = {
        "version": "2.0", "rawPath": "/x y", "rawQueryString": "q=1", "headers": {"x-a": "h"}, "body": "aGk=",
        "isBase64Encoded": True, "requestContext": {"stage": "$default", "http": {"method": "POST"}},
    }  # fmt: skip
    answer = wsgi(event, None)
    assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (201, "POST|/x y|q=1|h|hi", False)
    assert answer["cookies"] == ["a=1", "b=2"]


def test_a_wsgi_application_answers_a_rest_api(wsgi: Any) -> None:
    event = {
        "httpMethod": "GET", "path": "/p", "multiValueQueryStringParameters": {"q": ["1", "2"]}, "requestContext": {},
        "multiValueHeaders": {"X-A": ["h"]}, "body": None,
    }  # fmt: skip
    answer = wsgi(event, None)
    assert answer["body"] == "GET|/p|q=1&q=2|h|"
    assert answer["multiValueHeaders"]["Set-Cookie"] == ["a=1", "b=2"]


@pytest.mark.node
async def test_what_esbuild_cannot_call_is_compiled_by_the_applications_own_compiler(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    (code / "app.ts").write_text("import * as f from 'f';\nexport const handler = f();\n")
    compiler = code / "node_modules" / "typescript"
    compiler.mkdir(parents=True)
    (compiler / "index.js").write_text(  # leaves the text as it is
        "module.exports = { sys: {}, ModuleKind: {}, ScriptTarget: {}, findConfigFile: () => undefined, "
        "parseJsonConfigFileContent: () => ({ options: {} }), transpileModule: (outputText) => ({ outputText }) };"
    )
    tool = code / "node_modules" / ".bin" / "esbuild"
    tool.parent.mkdir()
    # Stands in for esbuild: warns of TypeScript, copies its entry.
    tool.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        "out = pathlib.Path([a for a in sys.argv if a.startswith('--outdir=')][0][9:], 'app.js')\n"
        "out.write_text(pathlib.Path(sys.argv[1]).read_text())\n"
        "if sys.argv[1].endswith('.ts'):\n"
        "    print('Calling \"f\" will crash at run-time because it\\'s an import namespace object')\n"
    )
    tool.chmod(0o755)
    source = CodeSource(logical_id="F", path=code, method="esbuild", entries=("app.ts",), handler="app.handler")
    directories = await Builder(application(tmp_path, source), tmp_path / "cache").build()
    assert (directories["F"] / "app.js").read_text().startswith("import f = require('f');")
