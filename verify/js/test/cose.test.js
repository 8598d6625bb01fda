// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { concat, fromBase64Url, fromHex, sha256, toHex } from '../bytes.js';
import { CborMap, Tag, decode, encode } from '../cbor.js';
import { Sign1, readHeader } from '../cose.js';
import { isLowS } from '../ecdsa.js';
import { PublicKey } from '../key.js';
import { needs, readJson, root, sharedPath } from '../testing/shared.js';

const wycheproof = (name) => sharedPath('wycheproof', name);
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function ec2(x, y) {
  return PublicKey.parse(
    encode(
      new Map([
        [1, 2],
        [-1, 1],
        [-2, x],
        [-3, y],
      ]),
    ),
  );
}

test('Ed25519 agrees with Wycheproof', needs(wycheproof('ed25519_test.json')), async () => {
  let count = 0;
  for (const group of readJson(wycheproof('ed25519_test.json')).testGroups) {
    const key = await PublicKey.ed25519(fromHex(group.publicKey.pk));
    for (const { tcId, comment, msg, sig, result } of group.tests) {
      assert.equal(await key.verify(fromHex(sig), fromHex(msg)), result === 'valid', `${tcId} ${comment}`);
      count++;
    }
  }
  assert.ok(count > 100, `${count} vectors`);
});

test('ES256 agrees with Wycheproof', needs(wycheproof('ecdsa_secp256r1_sha256_p1363_test.json')), async () => {
  let count = 0;
  for (const group of readJson(wycheproof('ecdsa_secp256r1_sha256_p1363_test.json')).testGroups) {
    const point = fromHex(group.publicKey.uncompressed);
    const key = await ec2(point.slice(1, 33), point.slice(33));
    for (const { tcId, comment, msg, sig, result } of group.tests) {
      assert.equal(await key.verify(fromHex(sig), fromHex(msg)), result === 'valid', `${tcId} ${comment}`);
      count++;
    }
  }
  assert.ok(count > 200, `${count} vectors`);
});

test('Ed25519 keys with which anybody could sign are refused', async () => {
  const small = [
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  ];
  for (const hex of small) await assert.rejects(PublicKey.ed25519(fromHex(hex)), /small order/, hex);
  await assert.rejects(
    PublicKey.ed25519(fromHex('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')),
    /canonical/,
  );
  await assert.rejects(PublicKey.ed25519(fromHex(`02${'00'.repeat(31)}`)), /not on the curve/);
  await assert.rejects(PublicKey.ed25519(new Uint8Array(31)), /32 bytes/);
});

test('a COSE_Key holds what it must and nothing else', async () => {
  const pair = /** @type {CryptoKeyPair} */ (
    await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  );
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const [x, y] = [point.slice(1, 33), point.slice(33)];
  const good = encode(
    new Map([
      [1, 2],
      [-1, 1],
      [-2, x],
      [-3, y],
    ]),
  );
  const key = await PublicKey.parse(good);
  assert.equal(key.algorithm, 'ES256');
  assert.equal(
    key.id,
    toHex(await sha256(good)).slice(0, 16),
    'RFC 9679: SHA-256 over the required parameters in deterministic encoding',
  );
  const bad = [
    [
      [1, 2],
      [-1, 1],
      [-2, x],
      [-3, y],
      [3, -7],
    ],
    [
      [1, 2],
      [-1, 1],
      [-2, x],
      [-3, true],
    ],
    [
      [1, 2],
      [-1, 1],
      [-2, x],
    ],
    [
      [1, 2],
      [-1, 2],
      [-2, x],
      [-3, y],
    ],
    [
      [1, 4],
      [-1, x],
    ],
    [
      [1, 1],
      [-1, 6],
      [-2, x],
      [-3, y],
    ],
    [
      [1, 2],
      [-1, 1],
      [-2, y],
      [-3, x],
    ],
  ];
  for (const entries of bad)
    await assert.rejects(PublicKey.parse(encode(new Map(/** @type {any} */ (entries)))), { name: 'FormatError' });
  await assert.rejects(PublicKey.parse(encode([1])), { name: 'FormatError' });
  for (const text of ['=', 'AA==', 'A', 'AB', 'pAECIAE\n'])
    await assert.rejects(async () => PublicKey.fromText(text), { name: 'FormatError' }, text);
});

test('the half of S is told apart at its border', () => {
  const signature = (s) => concat(new Uint8Array(32), fromHex(s.toString(16).padStart(64, '0')));
  assert.ok(isLowS(signature(ORDER >> 1n), 'P-256'));
  assert.ok(!isLowS(signature((ORDER >> 1n) + 1n), 'P-256'));
  assert.ok(!isLowS(new Uint8Array(63), 'P-256'));
});

for (let i = 0; i < 7; i++) {
  const path = sharedPath('cose', `sign1-verify-000${i}.json`);
  test(`COSE_Sign1 agrees with gluecose sign1-verify-000${i}`, needs(path), async (t) => {
    const vector = readJson(path);
    const wanted = vector['sign1::verify'];
    if (vector.alg !== 'ES256') {
      t.diagnostic(`${vector.alg} is not an algorithm of ours`);
      assert.throws(
        () => readHeader(Sign1.parse(fromHex(wanted.taggedCOSESign1.cborHex)), { labels: [1, 4, 15], open: true }),
        { name: 'FormatError' },
      );
      return;
    }
    const message = Sign1.parse(fromHex(wanted.taggedCOSESign1.cborHex));
    const key = await ec2(fromBase64Url(vector.key.x), fromBase64Url(vector.key.y));
    const toBeSigned = message.toBeSigned(/** @type {Uint8Array} */ (message.payload), fromHex(wanted.external ?? ''));
    assert.equal(await key.verify(message.signature, toBeSigned), wanted.shouldVerify);
    assert.equal(await key.verify(message.signature, concat(toBeSigned, Uint8Array.of(0))), false);
  });
}

for (const kind of ['eddsa', 'es256']) {
  test(`the golden reading signed with ${kind} verifies`, async () => {
    const golden = (name) =>
      fromHex(readFileSync(join(root, 'reading', 'testdata', `${name}-${kind}.hex`), 'utf8').trim());
    const message = Sign1.parse(golden('reading'));
    const key = await PublicKey.parse(golden('key'));
    assert.equal(toHex(message.header().get(4)), key.id, 'kid is the thumbprint');
    assert.ok(await message.verify(key));
    assert.deepEqual(message.bare(), golden('reading'));
    message.signature[7] ^= 1;
    assert.equal(await message.verify(key), false);
  });
}

test('a message that is not a tagged COSE_Sign1 of four is refused', () => {
  const parts = [encode(new Map([[1, -8]])), new Map(), new Uint8Array(1), new Uint8Array(64)];
  assert.ok(Sign1.parse(encode(new Tag(18, parts))).unprotected instanceof CborMap);
  const bad = [
    parts,
    new Tag(17, parts),
    new Tag(18, parts.slice(1)),
    new Tag(18, [1, ...parts.slice(1)]),
    new Tag(18, [parts[0], [], parts[2], parts[3]]),
    new Tag(18, [parts[0], new Map(), 'text', parts[3]]),
    new Tag(18, [...parts.slice(0, 3), null]),
  ];
  for (const value of bad) assert.throws(() => Sign1.parse(encode(value)), { name: 'FormatError' });
  assert.throws(() => decode(new Uint8Array(0)), { name: 'FormatError' });
});

test('crit may name what is understood and nothing else', () => {
  const labels = [1, 4, 15];
  const header = (crit, more = []) => {
    const map = new Map([
      [1, -8],
      [4, new Uint8Array(8)],
      [15, new Map()],
      ...(crit === undefined ? [] : [[2, crit]]),
      ...more,
    ]);
    return new Sign1(encode(map), /** @type {any} */ (null), null, new Uint8Array(64));
  };
  assert.equal(readHeader(header(undefined), { labels }).algorithm, 'EdDSA');
  assert.equal(readHeader(header([1, 15]), { labels, open: true }).kid, '0000000000000000');
  for (const crit of [[], 1, [99], ['x'], [2]])
    assert.throws(() => readHeader(header(crit), { labels, open: true }), /crit/, String(crit));
  assert.throws(() => readHeader(header([1]), { labels }), /does not belong/);
  assert.throws(() => readHeader(header(undefined, [[99, 1]]), { labels }), /does not belong/);
  assert.throws(
    () => readHeader(header(undefined, [[false, 1]]), { labels, open: true }),
    /neither an integer nor text/,
  );
  assert.equal(
    readHeader(
      header(undefined, [
        [99, 1],
        ['x', 2],
      ]),
      { labels, open: true },
    ).algorithm,
    'EdDSA',
  );
});
