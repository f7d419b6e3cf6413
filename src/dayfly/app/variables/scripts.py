"""JavaScript and TypeScript files that give values: run by `node`, which can ask for variables while it runs.

Reference: https://www.serverless.com/framework/docs/providers/aws/guide/variables#reference-variables-in-javascript-files
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from dayfly.app.yaml import ApplicationError, Map

_TIMEOUT_S = 60
Ask = Callable[[str], Any]
"""Text with variables → its value. Raises ApplicationError."""

# Lines of JSON: the script is given options and service, then {"ask": text} is answered with {"value": …} or
# {"error": …}, until it sends the result.
_EVALUATE = """
const fs = require("fs");
const Module = require("module");
const path = require("path");
const [file, target, address, out, back] = process.argv.slice(1);
console.log = console.error;
const send = message => fs.writeSync(Number(out), JSON.stringify(message) + "\\n");
const receive = () => {
  const parts = [], part = Buffer.alloc(65536);
  for (let size; (size = fs.readSync(Number(back), part, 0, part.length)) > 0;) {
    parts.push(Buffer.from(part.subarray(0, size)));
    if (part[size - 1] === 10) break;
  }
  return JSON.parse(Buffer.concat(parts).toString());
};
const {options, service} = receive();
const ask = text => {
  send({ask: text});
  const answer = receive();
  if (answer.error) throw new Error(answer.error);
  return answer.value;
};
const quiet = () => undefined;
const framework = {
  options, service, variables: {options, service}, processedInput: {options, commands: []},
  cli: {log: quiet, consoleLog: quiet, debug: quiet},
  resolveVariable: async text => ask("${" + text + "}"),
  resolveConfigurationProperty: async path => ask("${self:" + path.join(".") + "}"),
};
const run = async (value, owner) => typeof value === "function" ? await value.call(owner, framework) : await value;
const load = () => {
  if (file === target) return require(file);
  // A bundle lies elsewhere; what it requires is where its sources are.
  const made = new Module(file);
  made.filename = file;
  made.paths = Module._nodeModulePaths(path.dirname(file));
  made._compile(fs.readFileSync(target, "utf8"), file);
  return made.exports;
};
(async () => {
  let loaded;
  try { loaded = load(); } catch (error) {
    const module = /Cannot use import|Unexpected token 'export'/.test(error.message);
    if (error.code !== "ERR_REQUIRE_ESM" && !module) throw error;
    loaded = await import(require("url").pathToFileURL(file));
  }
  const namespace = loaded && (loaded.__esModule || String(loaded) === "[object Module]");
  if (namespace && loaded.default !== undefined) loaded = loaded.default;
  let value = await run(loaded, loaded);
  for (const key of address.split(".").filter(Boolean)) {
    if (value === null || value === undefined) break;
    value = await run(value[key], value);
  }
  send({result: value === undefined ? null : value});
  process.exit(0);
})().catch(error => {
  send({failed: String(error && error.message || error), stack: String(error && error.stack || "")});
  process.exit(1);
});
"""


def run(
    file: Path,
    *,
    target: Path,
    address: str,
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    document: Map | None = None,
    ask: Ask | None = None,
) -> Any:
    """What a file exports at an address: functions called, promises awaited. Raises ApplicationError.

    `target` is what is run in the file's name (a bundle, for TypeScript). `document` is what functions written for
    version 1 find as `service`.
    """
    given = {"options": dict(options), "service": document or {}}
    with contextlib.ExitStack() as open_ones, tempfile.TemporaryFile() as said:
        asked, out = os.pipe()
        back, answers = os.pipe()
        reading = open_ones.enter_context(os.fdopen(asked, "rb"))
        writing = open_ones.enter_context(os.fdopen(answers, "wb"))
        try:
            process = subprocess.Popen(
                ["node", "-e", _EVALUATE, str(file), str(target), address, str(out), str(back)],
                cwd=file.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=dict(environment),
                pass_fds=[out, back],
            )
        except OSError as error:
            raise ApplicationError(f"{file.name} cannot be evaluated: {error}", file) from error
        finally:
            os.close(out)
            os.close(back)
        limit = threading.Timer(_TIMEOUT_S, process.kill)
        limit.start()
        try:
            _send(writing, given)
            for message in _conversation(reading, writing, ask):
                if "failed" in message:
                    raise _failure(file, message, has_lines=file == target)
                return message["result"]
            process.wait()
            said.seek(0)
            raise ApplicationError(f"{file.name} cannot be evaluated: {_last_line(said)}", file)
        finally:
            limit.cancel()
            process.kill()
            process.wait()


def _conversation(reading: IO[bytes], writing: IO[bytes], ask: Ask | None) -> Iterator[dict[str, Any]]:
    """Answers what is asked, and yields the result or the failure."""
    for line in reading:
        message = json.loads(line)
        if "ask" not in message:
            yield message
            return
        try:
            answer = {"value": ask(message["ask"]) if ask else None}
        except ApplicationError as error:
            answer = {"error": error.message}
        _send(writing, answer)


def _send(writing: IO[bytes], message: Mapping[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # its end is seen by the next read
        writing.write(json.dumps(message, default=str).encode() + b"\n")
        writing.flush()


def _failure(file: Path, message: Mapping[str, str], *, has_lines: bool) -> ApplicationError:
    why = message["failed"].strip().partition("\n")[0]
    if re.match(r"Cannot find (module|package) '[^./]", why):
        why += " (run npm install first)"
    line = re.search(re.escape(str(file)) + r":(\d+)", message.get("stack", ""))
    return ApplicationError(
        f"{file.name} cannot be evaluated: {why}", file, int(line[1]) if line and has_lines else None
    )


def _last_line(said: IO[bytes]) -> str:
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"node ended without an answer within {_TIMEOUT_S} s"
