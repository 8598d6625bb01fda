// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test, { before } from 'node:test';

import { utf8 } from '../bytes.js';
import { CHECKS, LEVELS } from '../report.js';
import { verify } from '../verify.js';
import { begin, block, encodeMessage, identity, transaction } from '../testing/network.js';
import { revocations } from '../testing/authority.js';
import { LEDGER_TIME, newNetwork, statement } from '../testing/scene.js';
import { READ } from '../messages.js';

/** @type {any} */
let raft;
/** @type {any} */
let bft;
before(async () => {
  [raft, bft] = await Promise.all([newNetwork(), newNetwork({ bft: true })]);
});

const judge = async (change, { net = raft, options = {}, trust = {} } = {}) =>
  verify(await statement(net, change), JSON.stringify({ ...net.trust, ...trust }), options);
const failed = (report) => report.checks.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id);
const skipped = (report) => report.checks.filter(({ outcome }) => outcome === 'skipped').map(({ id }) => id);
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
    assert.deepEqual(report.asOf, { number: 5, asked: LEDGER_TIME + 60_000 });
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

test('a quorum of consenters is needed, each once', async () => {
  const { consenters } = bft;
  assert.deepEqual(failed(await judge({ block: { signers: consenters.slice(0, 2) } }, { net: bft })), [
    'ordered.signatures',
  ]);
  assert.deepEqual(
    failed(await judge({ block: { signers: [consenters[0], consenters[1], consenters[1]] } }, { net: bft })),
    ['ordered.signatures'],
  );
  assert.deepEqual(
    failed(await judge({ block: { signers: [...consenters.slice(0, 2), { ...consenters[2], id: 4 }] } }, { net: bft })),
    ['ordered.signatures'],
  );
  assert.deepEqual(failed(await judge({ block: { signers: consenters } }, { net: bft })), []);
});

test('a consenter whose certificate is revoked does not sign, and counts for the quorum', async () => {
  const revoked = await revocations(bft.orderer.ca, [bft.consenters[0].node.serial]);
  const [ordering] = bft.trust.orderers.organisations;
  const trust = { orderers: { ...bft.trust.orderers, organisations: [{ ...ordering, revoked: [revoked] }] } };
  assert.deepEqual(failed(await judge({}, { net: bft, trust })), ['ordered.signatures']);
  assert.deepEqual(failed(await judge({ block: { signers: bft.consenters } }, { net: bft, trust })), []);
});

test("an entry that names another creator is not the transaction's", async () => {
  assert.deepEqual(failed(await judge({ written: (e) => ({ ...e, creator: 'Org2MSP' }) })), ['endorsed.writes']);
});

test('an organisation that attests otherwise is named', async () => {
  const otherwise = {
    attestation: { endorsers: [raft.mallory] },
    answer: (a) => ({ ...a, devices: a.devices.map((d) => ({ ...d, keys: [] })) }),
  };
  const trust = {
    organisations: [
      ...raft.trust.organisations,
      { ...raft.trust.organisations[0], mspId: 'MalloryMSP', roots: [raft.mallory.ca.pem] },
    ],
  };
  const report = await judge({ attestations: [{}, otherwise] }, { trust });
  assert.ok(report.ok);
  assert.deepEqual(report.notes, ['peers of MalloryMSP attest otherwise about device Org1MSP pump-1']);
});

test('organisations of several attestations count together when they attest the same', async () => {
  const by = (peer, more = {}) => ({ attestation: { endorsers: [peer] }, ...more });
  const together = await judge({ attestations: [by(raft.org1), by(raft.org2)] });
  assert.ok(together.ok, JSON.stringify(together.checks, null, 1));
  assert.deepEqual(together.attestedBy, ['Org1MSP', 'Org2MSP']);
  assert.deepEqual(failed(await judge({ attestations: [by(raft.org1)] })), ['attested.signatures']);
  assert.deepEqual(failed(await judge({ attestations: [by(raft.org1), by(raft.org1)] })), ['attested.signatures']);
  assert.deepEqual(failed(await judge({ attestations: [by(raft.org1), by(raft.mallory)] })), ['attested.signatures']);
  const active = { answer: (a) => a };
  const revoked = {
    answer: (a) => ({
      ...a,
      head: { ...a.head, number: 9 },
      devices: a.devices.map((d) => ({ ...d, revoked: { time: LEDGER_TIME, tx: 'x' } })),
    }),
  };
  assert.deepEqual(
    failed(await judge({ attestations: [by(raft.org1, active), by(raft.org2, revoked)] })),
    ['attested.signatures'],
    'they do not attest the same',
  );
  assert.deepEqual(
    failed(await judge({ attestations: [active, revoked] })),
    ['reading.standing'],
    'the newer record counts',
  );
  assert.deepEqual(
    failed(await judge({ attestations: [revoked, active] })),
    ['reading.standing'],
    'in whatever order they come',
  );
  assert.deepEqual(
    failed(await judge({ attestations: [active, by(raft.org2, revoked)] })),
    [],
    'one organisation alone does not outvote two',
  );
  const old = {
    answer: (a) => ({
      ...a,
      anchors: [],
      head: { ...a.head, number: 2 },
      devices: a.devices.map((d) => ({ ...d, keys: [] })),
    }),
  };
  assert.ok((await judge({ attestations: [old, active] })).ok, 'a record older than the batch is not used');
  const alone = await judge({ attestations: [old] });
  assert.deepEqual(failed(alone), []);
  assert.ok(!alone.ok && skipped(alone).includes('reading.key') && skipped(alone).includes('attested.anchor'));
});

test('evidence against the batch disowns it', async () => {
  const report = (number) => ({
    answer: (a) => ({
      ...a,
      equivocations: [
        {
          type: 'equivocation',
          version: 1,
          stream: 'Org1MSP/bridge-1',
          number,
          contradiction: 'other-anchor',
          by: 'Org2MSP',
        },
      ],
    }),
  });
  assert.deepEqual(failed(await judge(report(3))), ['repudiated']);
  assert.deepEqual(failed(await judge(report(4))), []);
});

test('a position that peers read decides before a time that a client claimed', async () => {
  const anchorKey = '\0anchor\0Org1MSP\0bridge-1\x000000000000000003\0';
  const deviceKey = '\0device\0Org1MSP\0pump-1\0';
  const tx = '9'.repeat(64);
  const revoked = (time) => (a) => ({
    ...a,
    devices: a.devices.map((d) => ({ ...d, status: 'revoked', revoked: { time, tx }, updated: { time, tx } })),
  });
  const reads = (index) => ({
    reads: [
      encodeMessage(READ, { key: anchorKey, version: { block: 12, index: 1 } }),
      encodeMessage(READ, { key: deviceKey, version: { block: 12, index } }),
    ],
  });
  assert.deepEqual(failed(await judge({ answer: revoked(LEDGER_TIME + 5) })), [], 'later by its time');
  assert.deepEqual(
    failed(await judge({ answer: revoked(LEDGER_TIME + 5), attestation: reads(0) })),
    ['reading.standing'],
    'earlier by its place',
  );
  assert.deepEqual(
    failed(await judge({ answer: revoked(LEDGER_TIME - 5) })),
    ['reading.standing'],
    'earlier by its time',
  );
  assert.deepEqual(
    failed(await judge({ answer: revoked(LEDGER_TIME - 5), attestation: reads(2) })),
    [],
    'later by its place',
  );
  const elsewhere = { reads: [encodeMessage(READ, { key: anchorKey, version: { block: 13, index: 1 } })] };
  assert.deepEqual(
    failed(await judge({ attestation: elsewhere })),
    ['ordered.block'],
    'the block is another than attested',
  );
});

test('blocks of other changes give positions and no order of the anchor', async () => {
  const creator = { certificate: raft.org1.client, identity: identity('Org1MSP', raft.org1.client) };
  const call = await begin(creator);
  const change = await transaction({
    call,
    time: LEDGER_TIME + 1,
    args: [utf8('devices:Revoke'), utf8('{}')],
    endorsers: [raft.org1],
  });
  const signers = [{ mspId: 'OrdererMSP', node: raft.orderer.node }];
  const earlier = await block({ number: 11, envelopes: [change], signers });
  const revoked = (a) => ({
    ...a,
    devices: a.devices.map((d) => ({ ...d, revoked: { time: LEDGER_TIME + 1, tx: call.txId } })),
  });
  assert.deepEqual(failed(await judge({ answer: revoked })), []);
  assert.deepEqual(
    failed(
      await judge({
        answer: revoked,
        evidence: (all) =>
          new Map([
            [2, [...all.get(2), earlier]],
            [3, all.get(3)],
          ]),
      }),
    ),
    ['reading.standing'],
  );
  const report = await judge({
    evidence: (all) =>
      new Map([
        [2, [earlier]],
        [3, all.get(3)],
      ]),
  });
  assert.deepEqual(failed(report), []);
  assert.ok(skipped(report).includes('ordered.block') && skipped(report).includes('ordered.signatures'));
  const forged = await block({
    number: 11,
    envelopes: [change],
    signers: [{ mspId: 'OrdererMSP', node: raft.org1.node }],
  });
  assert.deepEqual(
    failed(
      await judge({
        evidence: (all) =>
          new Map([
            [2, [...all.get(2), forged]],
            [3, all.get(3)],
          ]),
      }),
    ),
    ['ordered.signatures'],
  );
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
