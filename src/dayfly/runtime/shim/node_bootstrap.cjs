// Serves events to a Node.js handler, as AWS's Node runtime does. Runs before the function is known: it waits for the
// description (frame I), then loads the code.
// Handlers and context: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html, .../nodejs-context.html
// Streaming: https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const util = require('util');
const Module = require('module');
const { Writable } = require('stream');
const { pathToFileURL } = require('url');
const redirect = require('./node_redirect.cjs');

const channel = new net.Socket({ fd: 3, readable: true, writable: true });
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HTTP_INTEGRATION = 'application/vnd.awslambda.http-integration-response';
let init = null;
let handler = null;
let fault = null;
let current = null; // the invocation under way
let queued = null; // an event that came while the code was loading
let loaded = false;

// Frames: 4 bytes of length, one of kind, the body.
let pending = Buffer.alloc(0);
channel.on('data', (data) => {
  pending = pending.length ? Buffer.concat([pending, data]) : data;
  while (pending.length >= 5) {
    const end = 4 + pending.readUInt32BE(0);
    if (pending.length < end) return;
    const kind = pending[4];
    const body = pending.subarray(5, end);
    pending = pending.subarray(end);
    if (kind === 73) describe(JSON.parse(body.toString()));
    else if (kind === 69) { if (loaded) begin(body); else queued = body; }
  }
});
channel.on('close', () => process.exit(0));
channel.on('error', () => process.exit(0));

function send(kind, body, then) {
  const payload = typeof body === 'string' ? Buffer.from(body) : body;
  const head = Buffer.allocUnsafe(5);
  head.writeUInt32BE(payload.length + 1, 0);
  head[4] = kind.charCodeAt(0);
  return channel.write(payload.length ? Buffer.concat([head, payload]) : head, then);
}

// Initialisation

async function describe(description) {
  const started = process.hrtime.bigint();
  init = description;
  for (const name of Object.keys(process.env)) if (!(name in init.env)) delete process.env[name];
  Object.assign(process.env, init.env);
  process.chdir(init.task);
  Module._initPaths(); // NODE_PATH was not set yet when Node read it
  if (/--enable-source-maps/.test(init.env.NODE_OPTIONS || '')) process.setSourceMapsEnabled(true);
  redirect.install();
  if (process.env.AWS_ENDPOINT_URL) redirect.signForPlatform();
  patchConsole();
  try {
    handler = await load(init.handler);
  } catch (error) {
    fault = error;
  }
  process.stdout.write('\x1edayfly-initialised\n');
  const done = Buffer.alloc(5);
  done[0] = fault ? 0 : 1;
  done.writeUInt32BE(Number((process.hrtime.bigint() - started) / 1000n), 1);
  send('D', done);
  loaded = true;
  if (queued) { const body = queued; queued = null; begin(body); }
}

class Fault extends Error {
  constructor(kind, message, cause) {
    super(message);
    this.name = kind;
    if (cause && cause.stack) this.stack = `${kind}: ${message}\n${cause.stack.split('\n').slice(1).join('\n')}`;
  }
}

async function load(name) {
  if (name.includes('..')) throw new Fault('Runtime.MalformedHandlerName', `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const base = path.basename(name);
  const match = /^([^.]*)\.(.+)$/.exec(base);
  if (!match) throw new Fault('Runtime.MalformedHandlerName', 'Bad handler');
  const file = path.resolve(init.task, path.dirname(name), match[1]);
  let found = await loadModule(file, name);
  for (const part of match[2].split('.')) found = found === undefined || found === null ? undefined : found[part] ?? (found.default ? found.default[part] : undefined);
  if (found === undefined) throw new Fault('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof found !== 'function') throw new Fault('Runtime.HandlerNotFound', `${name} is not a function`);
  return found;
}

async function loadModule(file) {
  try {
    const found = ['', '.js', '.mjs', '.cjs'].map((ext) => file + ext).find((one) => fs.existsSync(one) && fs.statSync(one).isFile());
    if (!found) return require(file); // a directory with an index, or the usual error
    if (found.endsWith('.mjs') || (found.endsWith('.js') && isModule(found))) {
      resolveLikeNodePath();
      return await import(pathToFileURL(found).href);
    }
    return require(found);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`, error);
    if (error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND')) {
      throw new Fault('Runtime.ImportModuleError', `Error: ${error.message}`, error);
    }
    throw error;
  }
}

function isModule(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module';
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') return false;
    }
    if (folder === path.dirname(folder)) return false;
  }
}

// `import` ignores NODE_PATH. In an environment with a root of its own, links in /var and / lead the search upwards to
// the layers and the SDK; elsewhere a resolve hook does.
function resolveLikeNodePath() {
  if (init.task === '/var/task' || !process.env.NODE_PATH || !Module.register) return;
  const parents = process.env.NODE_PATH.split(':').map((folder) => pathToFileURL(path.join(folder, '..', 'x.js')).href);
  const source = `const parents = ${JSON.stringify(parents)};
    export async function resolve(name, context, next) {
      try { return await next(name, context); } catch (error) {
        if (error.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|^[a-z]+:/.test(name)) throw error;
        for (const parentURL of parents) { try { return await next(name, { ...context, parentURL }); } catch {} }
        throw error;
      }
    }`;
  Module.register('data:text/javascript,' + encodeURIComponent(source));
}

// Logging: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html

function patchConsole() {
  const json = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  const order = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
  const least = json ? order.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()) : -1;
  const write = (level) => (...parts) => {
    if (order.indexOf(level) < least) return;
    log(level, json, parts);
  };
  console.log = write('INFO');
  console.info = write('INFO');
  console.warn = write('WARN');
  console.error = write('ERROR');
  console.debug = write('DEBUG');
  console.fatal = write('FATAL');
  console.trace = (...parts) => log('TRACE', json, [util.format(...parts) + '\n' + new Error('x').stack.split('\n').slice(2).join('\n')]);
}

function log(level, json, parts) {
  const time = new Date().toISOString();
  const id = current ? current.id : undefined;
  if (!json) { process.stdout.write(`${time}\t${id}\t${level}\t${util.format(...parts)}\n`); return; }
  const record = { timestamp: time, level, requestId: id };
  if (parts.length === 1 && typeof parts[0] === 'object' && !(parts[0] instanceof Error)) record.message = parts[0];
  else record.message = util.format(...parts);
  for (const part of parts) {
    if (part instanceof Error) { record.errorType = part.name; record.errorMessage = part.message; record.stackTrace = (part.stack || '').split('\n'); break; }
  }
  let line;
  try { line = JSON.stringify(record); } catch { line = JSON.stringify({ ...record, message: util.format(...parts) }); }
  process.stdout.write(line + '\n');
}

function describeError(error) {
  if (util.types.isNativeError(error) || error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack || '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function logError(title, error) {
  const known = describeError(error);
  const fields = { errorType: known.errorType, errorMessage: known.errorMessage };
  if (error && error.code !== undefined) fields.code = error.code;
  for (const name of Object.keys(error instanceof Error ? error : {})) if (!(name in fields) && name !== 'name') fields[name] = error[name];
  fields.stack = known.trace;
  let text;
  try { text = JSON.stringify(fields); } catch { text = JSON.stringify(known); }
  process.stdout.write(`${new Date().toISOString()}\t${current ? current.id : undefined}\tERROR\t${title} \t${text}\n`);
}

// Invocation

class Invocation {
  constructor(body) {
    const timeout = body.readUInt32BE(0);
    const sizes = [body.readUInt16BE(4), body.readUInt16BE(6), body.readUInt16BE(8), body.readUInt32BE(10)];
    let at = 14;
    const parts = sizes.map((size) => body.toString('utf8', at, (at += size)));
    [this.id, this.arn, this.trace, this.client] = parts;
    this.payload = body.toString('utf8', at);
    this.deadline = performance.now() + timeout;
    this.done = false;
    this.settled = false;
    this.whenEmpty = null;
  }

  // Answer once; later answers are ignored, as on AWS.
  answer(kind, body) {
    if (this.done) return;
    this.done = true;
    if (current === this) current = null;
    channel.ref();
    send(kind, body);
  }

  succeed(result) {
    if (this.done) return;
    let text;
    try {
      text = JSON.stringify(result === undefined ? null : result);
      if (text === undefined) text = 'null';
    } catch (error) {
      this.fail(new Fault('Runtime.UnexpectedError', 'Unable to stringify response body', error));
      return;
    }
    this.answer('R', text);
  }

  fail(error, kind = 'F') {
    if (this.done) return;
    logError('Invoke Error', error);
    this.answer(kind, JSON.stringify(describeError(error)));
  }

  // Of all ways to end an invocation the first one that is used counts: what an async handler returns after it called
  // the callback is nothing any more.
  first(end) {
    return (...given) => {
      if (this.settled) return;
      this.settled = true;
      end(...given);
    };
  }

  context() {
    const invocation = this;
    const succeed = this.first((result) => invocation.succeed(result));
    const fail = this.first((error) => invocation.fail(error));
    return {
      callbackWaitsForEmptyEventLoop: true,
      functionVersion: init.version,
      functionName: init.name,
      memoryLimitInMB: String(init.memory_mb),
      logGroupName: init.log_group,
      logStreamName: init.log_stream,
      clientContext: this.client ? JSON.parse(this.client) : undefined,
      identity: undefined,
      invokedFunctionArn: this.arn,
      awsRequestId: this.id,
      getRemainingTimeInMillis: () => Math.max(0, Math.floor(invocation.deadline - performance.now())),
      succeed,
      fail,
      done: (error, result) => (error === undefined || error === null ? succeed(result) : fail(error)),
    };
  }
}

function begin(body) {
  const invocation = new Invocation(body);
  current = invocation;
  if (invocation.trace) process.env._X_AMZN_TRACE_ID = invocation.trace;
  if (fault) { invocation.fail(fault); return; }
  // The channel must not keep the event loop alive: when nothing else does, `beforeExit` says so.
  channel.unref();
  let event;
  try {
    event = JSON.parse(invocation.payload);
  } catch (error) {
    invocation.fail(error);
    return;
  }
  const context = invocation.context();
  try {
    if (handler[STREAMING]) { stream(invocation, event, context); return; }
    const { succeed, fail } = context;
    const result = handler(event, context, invocation.first((error, answer) => {
      if (error !== undefined && error !== null) invocation.fail(error);
      else if (context.callbackWaitsForEmptyEventLoop) invocation.whenEmpty = () => invocation.succeed(answer);
      else setImmediate(() => invocation.succeed(answer));
    }));
    if (result && typeof result.then === 'function') result.then(succeed, fail);
  } catch (error) {
    invocation.fail(error);
  }
}

const NEVER_SETTLED = 'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes';

process.on('beforeExit', () => {
  if (!current) { channel.ref(); return; }
  if (current.whenEmpty) current.whenEmpty();
  else if (handler && handler.constructor.name === 'AsyncFunction') current.fail(new Fault('Runtime.NodeJsExit', NEVER_SETTLED));
  else current.succeed(null); // nothing is left that could answer
});

function fatal(title, error, document) {
  logError(title, error);
  if (current) {
    const invocation = current;
    invocation.done = true;
    channel.ref();
    send('X', JSON.stringify(document), () => process.exit(129));
  } else process.exit(1);
}
process.on('uncaughtException', (error) => fatal('Uncaught Exception', error, describeError(error)));
process.on('unhandledRejection', (reason) => {
  const error = new Fault('Runtime.UnhandledPromiseRejection', util.types.isNativeError(reason) ? `${reason.name}: ${reason.message}` : String(reason), reason);
  error.reason = describeError(reason);
  fatal('Unhandled Promise Rejection', error, { ...describeError(error), reason: error.reason, promise: {} });
});

// Response streaming

class ResponseStream extends Writable {
  constructor(invocation) {
    super({ highWaterMark: 65536 });
    this.invocation = invocation;
    this.contentType = 'application/octet-stream';
    this.begun = false;
    this._onBeforeFirstWrite = null;
  }
  setContentType(type) { this.contentType = type; }
  start() {
    if (this.begun) return;
    this.begun = true;
    send('S', this.contentType);
    if (this._onBeforeFirstWrite) this._onBeforeFirstWrite((chunk) => send('C', Buffer.from(chunk)));
  }
  _write(chunk, encoding, done) {
    if (this.invocation.done) { done(); return; }
    this.start();
    send('C', Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding), done);
  }
  _final(done) {
    if (!this.invocation.done) { this.start(); this.invocation.answer('R', Buffer.alloc(0)); }
    done();
  }
}

function stream(invocation, event, context) {
  const response = new ResponseStream(invocation);
  response.on('error', (error) => invocation.fail(error));
  invocation.whenEmpty = () => response.end();
  const result = handler(event, response, context);
  if (!result || typeof result.then !== 'function') {
    invocation.fail(new Fault('Runtime.InvalidHandlerNotAsync', 'Streaming does not support non-async handlers.'));
    return;
  }
  result.then(undefined, (error) => invocation.fail(error));
}

globalThis.awslambda = {
  streamifyResponse(handler_, options) {
    handler_[STREAMING] = 'response';
    return handler_;
  },
  HttpResponseStream: {
    from(response, prelude) {
      response.setContentType(HTTP_INTEGRATION);
      response._onBeforeFirstWrite = (write) => {
        write(JSON.stringify(prelude));
        write(Buffer.alloc(8));
      };
      return response;
    },
  },
};
process.stdout; // made now: it costs a millisecond
send('H', Buffer.alloc(0));
