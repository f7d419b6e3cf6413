"""TypeScript that esbuild compiles otherwise than the compiler, with both tools as npm has them.

https://esbuild.github.io/content-types/#typescript-caveats
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dayfly.app.application import Application
from dayfly.app.code import CodeSource
from dayfly.build import Builder
from dayfly.build.typescript import wants_compiler

PACKAGES = ("esbuild@0.25", "typescript@5")

TYPES = {
    # Types only: at run time neither module has an `A`.
    "types.ts": "export declare namespace A { namespace N { interface B { x: number } } }",
    "node_modules/@types/shapes/index.d.ts": "export namespace A { namespace N { interface B { x: number } } }",
    "node_modules/called/index.js": "module.exports = () => 'called';",
    "node_modules/called/package.json": '{"name": "called", "version": "1.0.0", "types": "made.d.ts"}',
    "node_modules/called/made.d.ts": "declare function called(): string;\nexport = called;",
    "node_modules/placed/index.js": "exports.called = () => 'called';",
    "node_modules/placed/index.d.ts": "export declare function called(): string;",
}
VALUES = "namespace M { export namespace N { export const x = 2; } }"
USES = "export const handler = async () => { const b: B = { x: 1 }; return b.x; };"


@pytest.fixture(scope="module")
def tools() -> Path:
    """The packages of esbuild and TypeScript, kept between runs."""
    folder = Path("~/.cache/dayfly/tests/typescript").expanduser()
    if not all((folder / "node_modules" / name.partition("@")[0]).is_dir() for name in PACKAGES):
        if shutil.which("npm") is None:
            pytest.skip("needs npm")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"esbuild and TypeScript cannot be installed: {done.stderr[-200:]}")
    return folder / "node_modules"


async def answer_of(directory: Path, tools: Path, handler: str) -> str:
    """What a handler of these sources answers once it is built."""
    for name, text in {**TYPES, "app.ts": handler}.items():
        (directory / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / "src" / name).write_text(text)
    for package in ("esbuild", "typescript", "@esbuild"):
        (directory / "src" / "node_modules" / package).symlink_to(tools / package)
    source = CodeSource(
        logical_id="F", path=directory / "src", method="esbuild", entries=("app.ts",), handler="app.handler"
    )
    application = Application(
        name="a", stage="dev", region="us-east-1", account="0", format="sam", path=directory / "template.yaml",
        template={"Resources": {}}, code={"F": source},
    )  # fmt: skip
    built = (await Builder(application, directory / "cache").build(strict=True))["F"]
    script = f"require({str(built / 'app.js')!r}).handler().then((answer) => console.log(answer))"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() or done.stderr


@pytest.mark.node
@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (f"import {{ A }} from './types';\nimport N = A.N;\nimport B = N.B;\n{USES}", "1"),
        (f"import * as types from './types';\nexport import B = types.A.N.B;\nexport import N = types.A;\n{USES}", "1"),
        (f"import {{ A }} from 'shapes';\nimport B = A.N.B;\n{USES}", "1"),
        (f"{VALUES}\nimport n = M.N;\nexport const handler = async () => n.x;", "2"),
        ("import * as called from 'called';\nexport const handler = async () => called();", "called"),
        ("import * as called from 'called';\nconst f = [called][0];\nexport const handler = async () => f()", "called"),
    ],
    ids=["alias", "exported alias", "alias of a package", "alias of a value", "called", "passed on"],
)  # fmt: skip
async def test_what_the_compiler_accepts_runs(tmp_path: Path, tools: Path, handler: str, expected: str) -> None:
    assert await answer_of(tmp_path, tools, handler) == expected


@pytest.mark.parametrize(
    ("text", "config", "wanted"),
    [
        ("import X = A.B;", "{}", True),
        ("export import X = A", "{}", True),
        ("import X = A.B; // of a type\r\n", "{}", True),
        ("import X = A.B\r\nexport const y = 1", "{}", True),
        ("import x = require('called');", "{}", False),
        ("import { x } from 'called';\nexport const y = x;", "{}", False),
        ("import * as called from 'called';\napp.use(called);", "{}", True),
        ("import * as called from 'called';\napp.use(called);", '{"compilerOptions": {"esModuleInterop":true}}', False),
        ("import * as called from 'called';\napp.use(called);", '{"extends": "./tsconfig.base.json"}', False),
        ("import * as called from 'called';\napp.use(called);", '{"compilerOptions": {"module": "NodeNext"}}', False),
        ("import * as called from 'called';\n// called()\nlet x: typeof called; called.y; called?.y;", "{}", False),
        ("import * as placed from 'placed';\napp.use(placed);", "{}", False),
        ("import * as types from './types';\napp.use(types);", "{}", False),
        ("import * as assert from 'node:assert';\nassert(true);", "{}", True),
        ("import * as fs from 'fs';\nuse(fs);", "{}", False),
        ("export const x = 1;", '{"compilerOptions": {"emitDecoratorMetadata": true}}', True),
        ("export const x = 1;", '{\n// "emitDecoratorMetadata": true\n}', False),
    ],
)  # fmt: skip
def test_only_code_that_needs_the_compiler_is_compiled_by_it(
    tmp_path: Path, text: str, config: str, wanted: bool
) -> None:
    files = {**TYPES, "tsconfig.base.json": '{"compilerOptions": {\n  "esModuleInterop": true\n}}'}
    for name, content in {**files, "app.ts": text, "tsconfig.json": config}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert wants_compiler(tmp_path, [tmp_path / "node_modules"]) is wanted
