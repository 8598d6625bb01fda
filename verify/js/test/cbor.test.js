// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';

import { fromHex, toHex } from '../bytes.js';
import { CborMap, Tag, decode, encode } from '../cbor.js';

test('integers are the examples of RFC 8949 appendix A', () => {
  const examples = [
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1000000],
    ['1b000000e8d4a51000', 1000000000000],
    ['1bffffffffffffffff', 18446744073709551615n],
    ['20', -1],
    ['3903e7', -1000],
    ['3bffffffffffffffff', -18446744073709551616n],
  ];
  for (const [hex, value] of examples) {
    assert.equal(decode(fromHex(hex)), value);
    assert.equal(toHex(encode(value)), hex);
  }
});

test('structures come back as they were encoded', () => {
  for (const hex of [
    'f4',
    'f5',
    'f6',
    '80',
    '83010203',
    '4401020304',
    '6449455446',
    '62c3bc',
    'c11a514b67b0',
    'a201020304',
    'a26161016162820203',
  ]) {
    assert.equal(toHex(encode(decode(fromHex(hex)))), hex);
  }
  const map = decode(fromHex('a201020304'));
  assert.ok(map instanceof CborMap);
  assert.equal(map.get(3), 4);
  assert.equal(map.get(5), undefined);
  assert.ok(decode(fromHex('d203')) instanceof Tag);
});

test('a map is encoded with its keys in bytewise order', () => {
  assert.equal(
    toHex(
      encode(
        new Map([
          [-1, 1],
          [10, 2],
          ['a', 3],
          [100, 4],
        ]),
      ),
    ),
    'a40a021864042001616103',
  );
  assert.throws(
    () =>
      encode(
        new Map(
          /** @type {any} */ ([
            [1, 1],
            [1n, 2],
          ]),
        ),
      ),
    /twice/,
  );
});

test('what is not in the one deterministic encoding is refused', () => {
  const bad = {
    'long head': '1800',
    'long head of two bytes': '190017',
    'long head of four bytes': '1a00000017',
    'long head of eight bytes': '1b0000000000000001',
    'long length of a string': '580101',
    'long length of text': '780161',
    'long count': '980101',
    'indefinite string': '5f4101ff',
    'indefinite array': '9f01ff',
    'indefinite map': 'bf0102ff',
    'a break alone': 'ff',
    reserved: '1c',
    'keys out of order': 'a203010102',
    'keys twice': 'a201010102',
    'text before integer': 'a261610101020'.slice(0, 12),
    'trailing byte': '0000',
    nothing: '',
    'cut short': '4301',
    'array cut short': '8201',
    'map without value': 'a101',
    'half float': 'f93c00',
    double: 'fb3ff199999999999a',
    'simple value': 'e0',
    'simple of two bytes': 'f8ff',
    'no UTF-8': '61ff',
    'billions of elements': '9affffffff',
    'billions of bytes': '5bffffffffffffffff',
    'too deep': '81'.repeat(40) + '00',
  };
  for (const [name, hex] of Object.entries(bad))
    assert.throws(() => decode(fromHex(hex)), { name: 'FormatError' }, name);
});
