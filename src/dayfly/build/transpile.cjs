// Usage: node transpile.cjs SOURCE TARGET COMPILER. Lays SOURCE out in TARGET with its TypeScript made JavaScript by the
// application's own compiler and tsconfig.json, file by file; packages stay where they are.
'use strict';
const fs = require('fs');
const path = require('path');

const [source, target, compiler] = process.argv.slice(2);
const ts = require(compiler);
const SKIPPED = new Set(['node_modules', '.git', '.serverless', '.webpack', '.build', '.dayfly', '.aws-sam', '.esbuild']);

function settings() {
  const file = ts.findConfigFile(source, ts.sys.fileExists);
  const read = file ? ts.readConfigFile(file, ts.sys.readFile).config || {} : {};
  // Without `files`: only the options are wanted, whatever the configuration includes.
  const { options } = ts.parseJsonConfigFileContent({ ...read, files: [], include: [] }, ts.sys, path.dirname(file || source));
  for (const name of ['declaration', 'composite', 'incremental', 'tsBuildInfoFile', 'outDir', 'outFile', 'noEmit', 'verbatimModuleSyntax']) delete options[name];
  return {
    ...options,
    module: ts.ModuleKind.CommonJS,
    moduleResolution: undefined,
    target: ts.ScriptTarget.ES2020,
    esModuleInterop: true,
    sourceMap: false,
    inlineSourceMap: true,
    inlineSources: true,
  };
}

const compilerOptions = settings();

// Bundlers give both what `import f` and what `import * as f` name of a CommonJS module: the module itself.
function read(file) {
  return fs.readFileSync(file, 'utf8').replace(/^import\s+\*\s+as\s+([\w$]+)\s+from\s+(['"][^'"]+['"])/gm, 'import $1 = require($2)');
}

// What `export import X = A.B` names, a type or a value, is only known to whoever reads the other files too.
const EXPORTED_ALIAS = /^[ \t]*export[ \t]+import[ \t]+[\w$]+[ \t]*=[ \t]*(?!require\b)/m;

function compiledWithOthers(file) {
  const host = ts.createCompilerHost(compilerOptions);
  host.readFile = (name) => (path.resolve(name) === path.resolve(file) ? read(file) : ts.sys.readFile(name));
  const program = ts.createProgram([file], { ...compilerOptions, isolatedModules: false, skipLibCheck: true, allowJs: false }, host);
  let made;
  program.emit(program.getSourceFile(file), (_, text) => { made = text; });
  return made;
}

function compiled(file) {
  const text = read(file);
  const whole = EXPORTED_ALIAS.test(text) && compiledWithOthers(file);
  return whole || ts.transpileModule(text, { compilerOptions, fileName: file }).outputText;
}

function lay(from, to) {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const here = path.join(from, entry.name);
    const there = path.join(to, entry.name);
    if (entry.isDirectory()) lay(here, there);
    else if (/\.tsx?$/.test(entry.name) && !/\.d\.ts$/.test(entry.name)) {
      fs.writeFileSync(there.replace(/\.tsx?$/, '.js'), compiled(here));
    } else if (entry.isFile()) fs.copyFileSync(here, there);
  }
}

lay(source, target);
