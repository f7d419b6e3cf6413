// Leads connections for AWS to the platform, whatever library opens them: `*.amazonaws.com` on 443 goes to the platform's
// TLS listener (the server name stays), on 80 to its endpoint; `*.localhost` is this machine.
'use strict';
const Module = require('module');
const net = require('net');

function address(text) {
  const match = /^(?:[a-z]+:\/\/)?\[?([^\]/]*?)\]?:(\d+)\/?$/.exec(text || '');
  return match && { host: match[1], port: Number(match[2]) };
}

function isAws(host) {
  return /\.(amazonaws\.com(\.cn)?|api\.aws)\.?$/i.test(host);
}

function instead(host, port) {
  if (typeof host !== 'string') return null;
  if (host.endsWith('.localhost')) return { host: '127.0.0.1', port };
  if (!isAws(host)) return null;
  if (Number(port) === 443) return address(process.env.DAYFLY_TLS_ADDRESS);
  if (Number(port) === 80) return address(process.env.AWS_ENDPOINT_URL);
  return null;
}

function install() {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    let [first, second] = args;
    let options = first;
    let callback = second;
    if (Array.isArray(first)) [options, callback] = first; // as normalised by net.connect
    if (options !== null && typeof options === 'object') {
      const to = instead(options.host, options.port);
      // A copy: TLS checks the certificate against the host in the original.
      if (to) return connect.call(this, { ...options, ...to, lookup: undefined }, callback ?? undefined);
    } else if (typeof second === 'string') {
      const to = instead(second, first);
      if (to) return connect.call(this, to, args[2]);
    }
    return connect.apply(this, args);
  };
}

// Version 2 of the JavaScript SDK ignores AWS_ENDPOINT_URL. Its requests are led here as they are, but a presigned URL
// goes to somebody else's machine: it must name what answers there.
function signForPlatform() {
  const endpoint = process.env.AWS_ENDPOINT_URL;
  const load = Module._load;
  Module._load = function (request, parent, ...rest) {
    const loaded = load.call(this, request, parent, ...rest);
    if (request.endsWith('/core') && /[\\/]aws-sdk[\\/]/.test(parent?.filename ?? '')) {
      // Its files require each other in circles: while it loads, asking for what it does not have yet would warn.
      const config = Object.hasOwn(loaded, 'config') ? loaded.config : null;
      if (config && !config.s3) config.s3 = { endpoint, s3ForcePathStyle: true };
    }
    return loaded;
  };
}

module.exports = { install, instead, signForPlatform };
