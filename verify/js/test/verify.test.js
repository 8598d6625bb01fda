// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test, { before } from 'node:test';

import { utf8 } from '../bytes.js';
import { encode } from '../cbor.js';
import { CHECKS, LEVELS } from '../report.js';
import { verify } from '../verify.js';
import { failed, judged, skipped } from '../testing/judge.js';
import { LEDGER_TIME, newNetwork, statement } from '../testing/scene.js';

/** @type {any} */
let raft;
/** @type {any} */
let bft;
before(async () => {
  [raft, bft] = await Promise.all([newNetwork(), newNetwork({ bft: true })]);
});

const judge = async (change, { net = raft, ...more } = {}) => judged(net, change, more);
const wrong = (bytes) => Uint8Array.from(bytes, (b, i) => (i === 9 ? b ^ 1 : b));

test('an honest statement with all evidence reaches every level', async () => {
  for (const net of [raft, bft]) {
    const report = await judge({}, { net });
    assert.ok(report.ok, JSON.stringify(report, null, 1));
    assert.deepEqual(report.reached, LEVELS);
    assert.deepEqual(
      report.checks.map(({ id, outcome }) => `${id} ${outcome}`),
      CHECKS.map((id) => `${id} passed`),
    );
    assert.deepEqual(report.endorsedBy, ['Org1MSP', 'Org2MSP']);
    assert.equal(report.orderedBy.length, net.bft ? 3 : 1);
    assert.deepEqual(report.position, { block: 12, index: 1 });
    assert.deepEqual(report.asOf, { number: 5, block: 14, asked: LEDGER_TIME + 60_000 });
    assert.deepEqual(report.clocks, {
      device: LEDGER_TIME - 900,
      bridge: { first: LEDGER_TIME - 800, last: LEDGER_TIME - 400 },
      ledger: LEDGER_TIME,
    });
    assert.equal(report.proven.length, LEVELS.length);
  }
});

test('what the evidence does not hold is skipped and not reached', async () => {
  const only = (key) => ({
    evidence: (all, { envelope }) => new Map(key === 1 ? [[1, envelope]] : key ? [[key, all.get(key)]] : []),
  });
  for (const [key, reached] of /** @type {[number, string[]][]} */ ([
    [0, []],
    [1, ['received', 'endorsed']],
    [2, ['received', 'endorsed', 'ordered']],
    [3, ['signed', 'received', 'attested', 'unrepudiated']],
  ])) {
    const report = await judge(only(key));
    assert.deepEqual(report.reached, reached);
    assert.deepEqual(failed(report), []);
    assert.equal(report.ok, reached.includes('unrepudiated'));
    assert.ok(skipped(report).length > 0);
  }
});

test('evidence beside a statement counts as if it were in it', async () => {
  let all = new Map();
  const bare = await statement(raft, {
    evidence: (whole) => {
      all = whole;
      return new Map();
    },
  });
  const trust = JSON.stringify(raft.trust);
  assert.deepEqual((await verify(bare, trust)).reached, []);
  const beside = [...all].map(([key, value]) => encode(new Map([[key, value]])));
  const report = await verify(bare, trust, { evidence: beside });
  assert.ok(report.ok);
  assert.deepEqual(report.reached, LEVELS);
  for (const wrongly of [
    new Uint8Array(0),
    encode(new Map()),
    encode([]),
    encode(new Map([[4, [bare]]])),
    encode(new Map([[2, Array(257).fill(bare.subarray(0, 1))]])),
  ]) {
    assert.match((await verify(bare, trust, { evidence: [wrongly] })).fault ?? '', /evidence/);
  }
});

test('a requirement is met or named', async () => {
  const attested = { evidence: (all) => new Map([[3, all.get(3)]]) };
  for (const [require, ok] of /** @type {[string, boolean][]} */ ([
    ['signed', true],
    ['received', true],
    ['attested', true],
    ['attested:2', true],
    ['attested:3', false],
    ['endorsed', false],
    ['ordered', false],
    ['unrepudiated:2', true],
  ])) {
    const report = await judge(attested, { options: { require } });
    assert.equal(report.ok, ok, require);
    assert.equal(report.missing.length === 0, ok, require);
  }
  for (const require of ['', 'proven', 'attested:0', 'attested:', 'signed:2', 'attested:2x']) {
    const report = await judge({}, { options: { require } });
    assert.match(report.fault ?? '', /require/, require);
    assert.equal(report.ok, false);
    assert.deepEqual(report.reached, []);
  }
});

const spoilt = {
  'reading.signature': {
    readingSignature: (s) => {
      s[3] ^= 1;
    },
  },
  'receipt.signature': {
    receiptSignature: ({ signature }) => {
      signature[3] ^= 1;
    },
  },
  'receipt.ledger': { receiptClaims: (claims) => claims.set(2, 'mychannel/other') },
  'anchor.hash': { otherAnchor: utf8('{}') },
  'anchor.content': {
    anchor: (a) => ({ ...a, stream: 'Org1MSP/bridge-2' }),
    attestedEntry: (e) => ({ ...e, anchor: { ...e.anchor, stream: 'Org1MSP/bridge-1' } }),
    answer: (a) => ({ ...a, anchors: [] }),
  },
  'inclusion.path': { proof: ([size, index, [hash]]) => [size, index, [wrong(hash)]] },
  'endorsed.writes': { written: (e) => ({ ...e, ledgerTime: e.ledgerTime + 1 }) },
  'endorsed.creator': { transaction: { change: { signature: wrong } } },
  'endorsed.proposal': { transaction: { change: { proposalHash: wrong } } },
  'endorsed.signatures': { transaction: { endorsers: [] } },
  'ordered.block': { block: { change: { dataHash: new Uint8Array(32) } } },
  'ordered.signatures': { block: { change: { header: { previousHash: new Uint8Array(32) } } } },
  'attested.proposal': { attestation: { change: { proposalHash: wrong } } },
  'attested.answer': { answer: (a) => ({ ...a, nonce: '0'.repeat(64) }) },
  'attested.signatures': {
    attestation: { change: { endorsement: (e) => (e.i ? { ...e, signature: wrong(e.signature) } : e) } },
  },
  'attested.anchor': { attestedEntry: (e) => ({ ...e, txId: '0'.repeat(64) }) },
  'reading.standing': {
    answer: (a) => ({
      ...a,
      devices: a.devices.map((d) => ({ ...d, status: 'revoked', revoked: { time: LEDGER_TIME, tx: 'x' } })),
    }),
  },
  'receipt.standing': {
    answer: (a) => ({ ...a, stream: { ...a.stream, opened: { time: LEDGER_TIME + 1, tx: 'x' } } }),
  },
  repudiated: {
    answer: (a) => ({
      ...a,
      devices: a.devices.map((d) => ({
        ...d,
        status: 'revoked',
        revoked: { time: LEDGER_TIME + 9, tx: 'x' },
        compromisedSince: LEDGER_TIME,
      })),
    }),
  },
};
for (const [id, change] of Object.entries(spoilt)) {
  test(`one spoilt part fails ${id} and nothing else`, async () => {
    const report = await judge(change);
    assert.deepEqual(failed(report), [id], JSON.stringify(report.checks, null, 1));
    assert.equal(report.ok, false);
  });
}

test('a key that the ledger does not know signs nothing', async () => {
  assert.deepEqual(failed(await judge({ deviceKey: raft.other })), ['reading.key']);
  assert.deepEqual(failed(await judge({ streamKey: raft.other })), ['receipt.key']);
});

test('the receipt of a stream on P-256 has the lower S', async () => {
  const report = await judge({ receiptHighS: true });
  assert.deepEqual(failed(report), ['statement.format']);
  assert.deepEqual(report.reached, []);
});

test("an entry that names another creator is not the transaction's", async () => {
  assert.deepEqual(failed(await judge({ written: (e) => ({ ...e, creator: 'Org2MSP' }) })), ['endorsed.writes']);
});

test('no byte of a statement can be changed unnoticed, and none makes the verifier throw', async () => {
  const bytes = await statement(raft);
  const trust = JSON.stringify(raft.trust);
  const before = (await verify(bytes, trust)).reached;
  for (let i = 0; i < bytes.length; i += 41) {
    const changed = bytes.slice();
    changed[i] ^= 1 << (i % 8);
    const report = await verify(changed, trust);
    assert.equal(report.fault, undefined, `byte ${i}`);
    assert.ok(failed(report).length > 0 || report.reached.length < before.length, `byte ${i}`);
  }
  for (let i = 0; i < bytes.length; i += 997)
    assert.deepEqual(failed(await verify(bytes.subarray(0, i), trust)), ['statement.format'], `cut at ${i}`);
  for (const bad of [null, undefined, 'text', 1, {}, []]) {
    assert.equal((await verify(/** @type {any} */ (bad), trust)).ok, false);
    assert.ok((await verify(bytes, /** @type {any} */ (bad))).fault !== undefined, `${bad}`);
  }
});
