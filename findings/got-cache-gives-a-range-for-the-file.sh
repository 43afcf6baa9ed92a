#!/usr/bin/env bash
# got's cache answers a request for the whole file with the ten bytes that an earlier request asked for by Range.
#
# Versions: got 14.6.6 with `cache: new Map()` on Node 20; right, for comparison: the cache of undici 7.30.2, make-fetch-happen 15.0.6.
# Expected: the file. A cache that cannot deal with ranges does not store a 206, and none uses a part to answer for more than that
#           part (RFC 9111, 3.3).
# Seen:     after `Range: bytes=0-9` of a file with `Cache-Control: max-age=600`, a GET without Range gets the 206 and its ten bytes
#           from the cache, and so does one with `Range: bytes=50-59`: the wrong ten. Only the status and Content-Range, if somebody
#           looks, tell.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund got@14.6.6 undici@7.30.2 make-fetch-happen@15.0.6

cat >check.mjs <<'JS'
import http from 'node:http';
import got from 'got';
import fetchFrom from 'make-fetch-happen';
import { Agent, interceptors, request } from 'undici';

const file = Array.from({ length: 100 }, (_, number) => String(number).padStart(9, '0') + '\n').join('');
const server = http.createServer((asked, response) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? '');
    const body = range ? file.slice(Number(range[1]), Number(range[2]) + 1) : file;
    const headers = { 'Cache-Control': 'max-age=600', ETag: '"1"', 'Content-Length': body.length };
    if (range) headers['Content-Range'] = `bytes ${range[1]}-${range[2]}/${file.length}`;
    response.writeHead(range ? 206 : 200, headers).end(body);
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const clients = {
    got: () => {
        const cache = new Map();
        return async (url, headers) => {
            const { statusCode, body } = await got(url, { headers, cache });
            return [statusCode, body];
        };
    },
    undici: () => {
        const dispatcher = new Agent().compose(interceptors.cache());
        return async (url, headers) => {
            const { statusCode, body } = await request(url, { headers, dispatcher });
            return [statusCode, await body.text()];
        };
    },
    'make-fetch-happen': () => async (url, headers) => {
        const response = await fetchFrom(url, { headers, cachePath: 'cache' });
        return [response.status, await response.text()];
    },
};
const first = { range: 'bytes=0-9' };
const orders = { 'part, then all': [first, {}], 'part, then another': [first, { range: 'bytes=50-59' }] };
const seen = {};
for (const [name, client] of Object.entries(clients)) {
    for (const [order, requests] of Object.entries(orders)) {
        const ask = client();
        const url = `http://127.0.0.1:${server.address().port}/${encodeURIComponent(name + order)}`;
        await ask(url, requests[0]);
        const [status, body] = await ask(url, requests[1]);
        const parts = { [file]: 'the file', [file.slice(0, 10)]: 'bytes 0-9', [file.slice(50, 60)]: 'bytes 50-59' };
        seen[`${name}, ${order}`] = `${status} ${parts[body] ?? body}`;
        console.log(`${name}, ${order}`.padEnd(38), seen[`${name}, ${order}`]);
    }
}
const expected = ['206 bytes 0-9', '206 bytes 0-9', '200 the file', '206 bytes 50-59', '200 the file', '206 bytes 50-59'];
const changed = Object.values(seen).join() !== expected.join();
if (changed) console.log('the behaviour has changed');
process.exit(changed ? 1 : 0);
JS
node check.mjs
