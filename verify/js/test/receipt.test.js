// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { fromBase64, fromHex, sha256, toHex, utf8 } from '../bytes.js';
import { Sign1 } from '../cose.js';
import { readDer } from '../der.js';
import { PublicKey } from '../key.js';
import { leafHash, pathLength, rootFromInclusion } from '../merkle.js';
import { parseGeneric, rootOf } from '../receipt.js';
import { encode } from '../cbor.js';
import { needs, read, readJson, sharedPath } from '../testing/shared.js';

const folder = sharedPath('scitt-cose');

/** @param {string} pem SubjectPublicKeyInfo of Ed25519 or P-256 */
async function fromPem(pem) {
  const der = fromBase64(pem.replace(/-----[A-Z ]+-----|\s/g, ''));
  const point = readDer(der, 0x30).children()[1].bits();
  if (point.length === 32) return PublicKey.ed25519(point);
  return PublicKey.parse(
    encode(
      new Map(
        /** @type {any} */ ([
          [1, 2],
          [-1, 1],
          [-2, point.slice(1, 33)],
          [-3, point.slice(33)],
        ]),
      ),
    ),
  );
}

for (const name of existsSync(folder) ? readdirSync(folder).filter((n) => n !== 'LICENSE') : ['scitt-cose']) {
  const file = (part) => join(folder, name, part);
  test(`receipts agree with scitt-cose ${name}`, needs(file('expected.json')), async () => {
    const expected = readJson(file('expected.json'));
    const key = async (part) => fromPem(new TextDecoder().decode(read(file(part))));
    const statement = read(file('statement.cose'));
    if (expected.protected_header.receipt.vds !== 1) {
      assert.throws(() => parseGeneric(read(file('receipt.cose'))), /vds 2, not 1/);
      return;
    }
    const { message, proof } = parseGeneric(read(file('receipt.cose')));
    // In these vectors a leaf is the hash of the statement, and the receipt names no key.
    const root = await rootOf(proof, await sha256(statement));
    assert.equal(await message.verify(await key('log-key.pub'), root), expected.receipt_valid);
    assert.equal(await Sign1.parse(statement).verify(await key('issuer-key.pub')), expected.statement_signature_valid);
    if (expected.reconstructed_root) assert.equal(toHex(root), expected.reconstructed_root);
  });
}

/** A tree by its definition (RFC 9162 §2.1.1), and the path of a leaf (§2.1.3.1). */
async function tree(leaves, index) {
  if (leaves.length === 1) return { root: leaves[0], path: [] };
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  const [a, b] = [await tree(left, index), await tree(right, index - split)];
  const root = await sha256(Uint8Array.of(1), a.root, b.root);
  return { root, path: index < split ? [...a.path, b.root] : [...b.path, a.root] };
}

test('every leaf of every tree has a path to its root, and no other', async () => {
  for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 13]) {
    const leaves = await Promise.all(Array.from({ length: size }, (_, i) => leafHash(utf8(`leaf ${i}`))));
    for (let i = 0; i < size; i++) {
      const { root, path } = await tree(leaves, i);
      assert.equal(pathLength(size, i), path.length, `${i} of ${size}`);
      assert.deepEqual(await rootFromInclusion(size, i, leaves[i], path), root, `${i} of ${size}`);
      await assert.rejects(rootFromInclusion(size, i, leaves[i], [...path, root]), /path/);
      await assert.rejects(rootFromInclusion(size, size, leaves[i], path), /not in a tree/);
      for (let k = 0; k < path.length; k++) {
        const other = path.map((hash, n) =>
          n === k ? Uint8Array.from(hash, (b, at) => (at === 3 ? b ^ 4 : b)) : hash,
        );
        assert.notDeepEqual(await rootFromInclusion(size, i, leaves[i], other), root);
      }
    }
  }
});

test('the path of a leaf of the largest tree has 53 hashes', () => {
  assert.equal(pathLength(Number.MAX_SAFE_INTEGER, 0), 53);
  assert.equal(pathLength(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1), 52);
  assert.equal(fromHex('').length, 0);
});
