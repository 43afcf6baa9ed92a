#!/usr/bin/env bash
# undici, from which Node's fetch() comes, fails on `100 Continue`, while it skips 102 and 103.
#
# Versions: undici 7.30.2 on Node 20.
# Expected: the final status; a client has to be able to parse one or more 1xx responses before the final one "even if the
#           client does not expect one" (RFC 9110, 15.2). Some servers and proxies send 100 for every request with a body.
# Seen:     "bad response" (UND_ERR_SOCKET) for GET and for POST, and no way to send `Expect: 100-continue` either
#           ("expect header not supported"). Node's own http.get() takes the same bytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund undici@7.30.2

cat >check.mjs <<'JS'
import http from 'node:http';
import net from 'node:net';
import { fetch, request } from 'undici';

const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const interim = { 100: '100 Continue', 102: '102 Processing', 103: '103 Early Hints' };
const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => socket.write(`HTTP/1.1 ${interim[data.toString().match(/ \/(\d+)/)[1]]}\r\n\r\n${final}`));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const base = `http://127.0.0.1:${server.address().port}/`;

async function outcome(ask) {
    try {
        return await ask();
    } catch (error) {
        return (error.cause ?? error).message;
    }
}

async function viaRequest(status, options) {
    const { statusCode, body } = await request(base + status, options);
    await body.text();
    return statusCode;
}

const seen = {};
for (const status of [100, 102, 103]) seen[`fetch, ${status}`] = await outcome(async () => (await fetch(base + status)).status);
seen['request, POST, 100'] = await outcome(() => viaRequest(100, { method: 'POST', body: 'data' }));
seen['request, Expect'] = await outcome(() => viaRequest(100, { method: 'POST', body: 'data', headers: { expect: '100-continue' } }));
seen['http.get, 100'] = await new Promise((done) => http.get(base + 100, (response) => done(response.resume().statusCode)));
for (const [name, result] of Object.entries(seen)) console.log(name.padEnd(20), result);
const changed = Object.values(seen).join() !== 'bad response,200,200,bad response,expect header not supported,200';
if (changed) console.log('the behaviour has changed');
process.exit(changed ? 1 : 0);
JS
node check.mjs
