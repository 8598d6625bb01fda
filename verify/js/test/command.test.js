// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { newNetwork, statement } from '../testing/scene.js';
import { root } from '../testing/shared.js';

test('the command line tells the outcome by its exit status', async (t) => {
  const network = await newNetwork();
  const failed = (report) => report.checks.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id);
  const dir = await mkdtemp(join(tmpdir(), 'anchorline-'));
  t.after(() => rm(dir, { recursive: true }));
  const file = async (name, content) => {
    await writeFile(join(dir, name), content);
    return join(dir, name);
  };
  const good = await file('good.cose', await statement(network));
  const bad = await file(
    'bad.cose',
    await statement(network, { readingSignature: (signature) => signature.reverse() }),
  );
  const trust = await file('trust.json', JSON.stringify(network.trust));
  const run = (...args) =>
    new Promise((resolve) => {
      execFile(process.execPath, [join(root, 'verify', 'js', 'bin', 'verify.js'), ...args], (error, stdout, stderr) =>
        resolve({ status: error ? error.code : 0, stdout, stderr }),
      );
    });
  assert.match((await run(good, '--trust', trust)).stdout, /reached: signed, .*\nThe statement holds\.\n$/);
  assert.equal((await run(good, '--trust', trust, '--require', 'attested:2')).status, 0);
  const report = await run(bad, '--trust', trust, '--json');
  assert.equal(report.status, 1);
  assert.deepEqual(failed(JSON.parse(report.stdout)), ['reading.signature']);
  assert.equal((await run(good, '--trust', trust, '--require', 'attested:3')).status, 1);
  for (const args of [
    [],
    [good],
    ['--trust', trust],
    [good, '--trust', good],
    [good, '--trust', join(dir, 'none')],
    [good, '--trust', trust, '--require', 'x'],
    [good, '--trust', trust, '--what'],
  ]) {
    const outcome = await run(...args);
    assert.equal(outcome.status, 2, args.join(' '));
    assert.notEqual(outcome.stderr, '');
  }
});
