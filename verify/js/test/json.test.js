// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';

import { parseAnchor } from '../anchor.js';
import { utf8 } from '../bytes.js';
import { canonical, parseCanonical, parseJson } from '../json.js';

test('documents are read', () => {
  const value = parseJson(utf8(' {"b" : [1, -2, 0, true,false], "a":{"é\\n\\u20ac\\ud83d\\ude00":"x"}} \n'));
  assert.equal(canonical(value), '{"a":{"é\\n€😀":"x"},"b":[1,-2,0,true,false]}');
  assert.equal(parseJson(utf8('9007199254740991')), Number.MAX_SAFE_INTEGER);
});

test('names are sorted by UTF-16 code units, as RFC 8785 §3.2.3 shows', () => {
  const names = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
  const sorted = Object.keys(JSON.parse(canonical(Object.fromEntries(names.map((name) => [name, 1])))));
  assert.deepEqual(
    sorted.filter((name) => name !== '1'),
    ['\r', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'],
  );
});

test('what two readers could read differently is refused', () => {
  const bad = [
    '',
    '{',
    '{}x',
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":1,}',
    '[1,]',
    '[,1]',
    '{"a"}',
    '{a:1}',
    "{'a':1}",
    'null',
    '[null]',
    '1.0',
    '1e3',
    '01',
    '-0',
    '+1',
    '-',
    '9007199254740992',
    '1.5',
    'tru',
    'NaN',
    '"\\ud800"',
    '"\\x41"',
    '"a\nb"',
    '"',
    '"\\u12"',
    '\ufeff{}',
    '[1]]',
    `${'['.repeat(100)}1${']'.repeat(100)}`,
    '{"__proto__":1,"__proto__":2}',
    '1 2',
    '/**/1',
  ];
  for (const text of bad) assert.throws(() => parseJson(utf8(text)), { name: 'FormatError' }, text);
  assert.throws(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22)), { name: 'FormatError' });
});

test('a name that JavaScript knows otherwise is a name like any other', () => {
  const value = parseJson(utf8('{"__proto__":{"a":1},"constructor":2,"toString":3}'));
  assert.equal(canonical(value), '{"__proto__":{"a":1},"constructor":2,"toString":3}');
});

test('what is not in canonical form is refused', () => {
  for (const text of ['{"b":1,"a":2}', '{ "a":1}', '{"a":1}\n', '{"a":"\\u0061"}', '{"a":"\\/"}']) {
    assert.throws(() => parseCanonical(utf8(text)), /canonical/, text);
  }
  assert.deepEqual({ ...parseCanonical(utf8('{"a":"\\b\\u0001"}')) }, { a: '\b\u0001' });
});

const anchor = {
  bridgeTime: { first: 1, last: 2 },
  counts: { 'device-signed': 3 },
  deviceTime: { first: 1, last: 1 },
  gaps: 0,
  number: 1,
  previous: '0'.repeat(64),
  quarantined: 0,
  root: 'a'.repeat(64),
  size: 3,
  stream: 'Org1MSP/bridge-1',
  type: 'anchor',
  version: 1,
};

test('an anchor is read in its one form', () => {
  assert.equal(parseAnchor(utf8(canonical(anchor))).size, 3);
  const changes = {
    type: 'anchors',
    version: 2,
    stream: 'bridge-1',
    number: 0,
    size: 2,
    previous: 'A'.repeat(64),
    root: '00',
    gaps: -1,
    quarantined: '0',
    bridgeTime: { first: 2, last: 1 },
    deviceTime: { first: 1 },
    counts: { 'gateway-signed': 3 },
    more: 1,
  };
  for (const [name, value] of Object.entries(changes)) {
    assert.throws(() => parseAnchor(utf8(canonical({ ...anchor, [name]: value }))), { name: 'FormatError' }, name);
  }
  for (const name of Object.keys(anchor)) {
    assert.throws(
      () => parseAnchor(utf8(canonical(Object.fromEntries(Object.entries(anchor).filter(([n]) => n !== name))))),
      /missing|sum/,
      name,
    );
  }
});
