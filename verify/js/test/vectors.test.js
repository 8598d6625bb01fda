// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { CHECKS } from '../report.js';
import { verify } from '../verify.js';
import { needs, read, readJson, root } from '../testing/shared.js';

const folder = process.env.ANCHORLINE_VECTORS ?? join(root, 'verify', 'vectors');
const path = join(folder, 'expected.json');
/** @type {{good: Record<string, {trust: string, reached: string[]}>, bad: Record<string, {trust: string, check: string}>}} */
const expected = existsSync(path) ? readJson(path) : { good: {}, bad: {} };

test('the vectors that both verifiers read are there', needs(path), () => {
  assert.ok(Object.keys(expected.good).length >= 12);
  assert.ok(Object.keys(expected.bad).length >= 60);
  const failing = new Set(Object.values(expected.bad).map(({ check }) => check));
  assert.deepEqual(
    CHECKS.filter((id) => !failing.has(id)),
    [],
    'every check has a vector that fails it',
  );
});

for (const [name, { trust, reached }] of Object.entries(expected.good)) {
  test(`good vector ${name} reaches ${reached.join(', ') || 'nothing'}`, async () => {
    const report = await verify(read(join(folder, 'good', name)), read(join(folder, trust)));
    assert.deepEqual(
      report.checks.filter(({ outcome }) => outcome === 'failed'),
      [],
    );
    assert.deepEqual(
      [...report.reached].sort(),
      [...reached].sort(),
      JSON.stringify(
        report.checks.filter(({ outcome }) => outcome !== 'passed'),
        null,
        1,
      ),
    );
    assert.equal(report.ok, reached.includes('unrepudiated'));
  });
}

for (const [name, { trust, check }] of Object.entries(expected.bad)) {
  test(`bad vector ${name} fails ${check}`, async () => {
    const report = await verify(read(join(folder, 'bad', name)), read(join(folder, trust)));
    const failed = report.checks.filter(({ outcome }) => outcome === 'failed');
    assert.deepEqual(
      failed.map(({ id }) => id),
      [check],
      JSON.stringify(
        report.checks.filter(({ outcome }) => outcome !== 'passed'),
        null,
        1,
      ),
    );
    assert.equal(report.ok, false);
  });
}
