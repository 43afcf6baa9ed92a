#!/usr/bin/env bash
# undici's request() rejects a 304 that tells the length of the file, while its fetch() takes it.
#
# Versions: undici 7.30.2 on Node 20; webfs 1.21 of Debian 12 is one real server that sends such 304s.
# Expected: status 304 and no body. A server may send Content-Length in a 304, and it is then the length that a 200 would have
#           had (RFC 9110, 8.6), as in an answer to HEAD, where undici knows it.
# Seen:     request() fails with UND_ERR_RES_CONTENT_LENGTH_MISMATCH; without the field, and with HEAD, all is well.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund undici@7.30.2

cat >check.mjs <<'JS'
import net from 'node:net';
import { fetch, request } from 'undici';

const answers = {
    'GET /': 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 5000\r\n\r\n',
    'GET /short': 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n',
    'HEAD /': 'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 5000\r\n\r\n',
};
const server = net.createServer((socket) => socket.on('error', () => {}).on('data', (data) => socket.write(answers[data.toString().split(' HTTP')[0]])));
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const base = `http://127.0.0.1:${server.address().port}`;
const headers = { 'if-none-match': '"1"' };

async function outcome(ask) {
    try {
        return await ask();
    } catch (error) {
        return error.code ?? error.cause?.code ?? error.message;
    }
}

async function withRequest(method, path) {
    const { statusCode, body } = await request(base + path, { method, headers });
    await body.text();
    return statusCode;
}

const seen = {
    'request(), 304 with Content-Length': await outcome(() => withRequest('GET', '/')),
    'request(), 304 without': await outcome(() => withRequest('GET', '/short')),
    'request(), HEAD': await outcome(() => withRequest('HEAD', '/')),
    'fetch(), 304 with Content-Length': await outcome(async () => (await fetch(base + '/', { headers })).status),
};
for (const [name, result] of Object.entries(seen)) console.log(name.padEnd(36), result);
const changed = Object.values(seen).join() !== 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH,304,200,304';
if (changed) console.log('the behaviour has changed');
process.exit(changed ? 1 : 0);
JS
node check.mjs
