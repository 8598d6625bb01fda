// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import test from 'node:test';

import { LEVELS } from '../report.js';
import { verify } from '../verify.js';
import { newNetwork, statement } from '../testing/scene.js';
import { needs, root } from '../testing/shared.js';

const folder = join(root, 'verify', 'js');

test('the modules import nothing but each other and use nothing that only Node has', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  assert.ok(files.length > 20);
  for (const name of files) {
    const code = readFileSync(join(folder, name), 'utf8').replace(/\/\*[^]*?\*\/|\/\/.*$/gm, '');
    for (const [, from] of code.matchAll(/\bfrom '([^']+)'/g)) assert.match(from, /^\.\/[a-z0-9]+\.js$/, name);
    const foreign =
      /\b(?:process|Buffer|require\(|import\(|eval|Function\(|fetch|Date\.now|Math\.random|setTimeout|globalThis|window|document\b(?!:))/;
    const found = foreign.exec(code.replace(/'[^'\n]*'|`[^`]*`/g, "''"));
    assert.equal(found, null, `${name}: ${found?.[0]}`);
  }
});

const browser = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((dir) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(dir, name)))
  .find((path) => !needs(path).skip);

const page = `<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>`;
const script = `
import { verify } from '/verify.js';
const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const report = await verify(await bytes('/statement.cose'), await bytes('/trust.json'));
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
`;

/** Serves the modules and a page that uses them, and waits for its report. */
function serve(files) {
  let answered;
  const report = new Promise((resolve) => {
    answered = resolve;
  });
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    if (path === '/report') {
      const parts = [];
      for await (const part of request) parts.push(part);
      answered(JSON.parse(Buffer.concat(parts).toString()));
      response.end();
      return;
    }
    const content =
      files[path] ?? (/^\/[a-z0-9]+\.js$/.test(path) ? await readFile(join(folder, path)).catch(() => null) : null);
    const type = path.endsWith('.js') ? 'text/javascript' : path === '/' ? 'text/html' : 'application/octet-stream';
    response.writeHead(content === null ? 404 : 200, {
      'Content-Type': type,
      'Content-Security-Policy': "default-src 'none'; script-src 'self'; connect-src 'self'",
    });
    response.end(content ?? '');
  });
  return { server, report };
}

test(
  'a browser gives the report that Node gives',
  { skip: browser ? false : 'no chromium is installed: the verifier is NOT tested in a browser', timeout: 60_000 },
  async (t) => {
    const network = await newNetwork();
    const bytes = await statement(network);
    const trust = JSON.stringify(network.trust);
    const { server, report } = serve({ '/': page, '/page.js': script, '/statement.cose': bytes, '/trust.json': trust });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
    const profile = await mkdtemp(join(tmpdir(), 'anchorline-browser-'));
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const child = spawn(
      /** @type {string} */ (browser),
      ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`],
      { stdio: 'ignore' },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    t.after(async () => {
      child.kill();
      await ended;
      server.closeAllConnections();
      server.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    });
    const early = ended.then((status) => {
      throw new Error(`the browser ended with ${status} before it reported`);
    });
    const got = /** @type {any} */ (await Promise.race([report, early]));
    assert.deepEqual(got.reached, LEVELS);
    assert.deepEqual(got, JSON.parse(JSON.stringify(await verify(bytes, trust))));
  },
);
