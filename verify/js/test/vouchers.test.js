// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test, { before } from 'node:test';

import { utf8 } from '../bytes.js';
import { revocations } from '../testing/authority.js';
import { failed, judged, skipped } from '../testing/judge.js';
import { begin, block, identity, transaction } from '../testing/network.js';
import { LEDGER_TIME, newNetwork } from '../testing/scene.js';

/** @type {any} */
let raft;
/** @type {any} */
let bft;
before(async () => {
  [raft, bft] = await Promise.all([newNetwork(), newNetwork({ bft: true })]);
});

const judge = async (change, { net = raft, ...more } = {}) => judged(net, change, more);

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
  const note = 'peers of MalloryMSP attest otherwise about device Org1MSP/pump-1';
  assert.ok(report.notes.includes(note), `${report.notes}`);
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
    places: { '\0device\0Org1MSP\0pump-1\0': { block: 13, index: 2 } },
    answer: (a) => ({
      ...a,
      head: { ...a.head, number: 9 },
      devices: a.devices.map((d) => ({ ...d, revoked: { time: LEDGER_TIME, tx: 'x' }, compromisedSince: LEDGER_TIME })),
    }),
  };
  assert.deepEqual(
    failed(await judge({ attestations: [by(raft.org1, active), by(raft.org2, revoked)] })),
    ['attested.signatures'],
    'they do not attest the same',
  );
  assert.deepEqual(
    failed(await judge({ attestations: [active, revoked] })),
    ['repudiated'],
    'the newer record counts',
  );
  assert.deepEqual(
    failed(await judge({ attestations: [revoked, active] })),
    ['repudiated'],
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
  const reads = (index) => ({ places: { [deviceKey]: { block: 12, index } } });
  const since = (time) => (a) => ({
    ...a,
    devices: a.devices.map((d) => ({ ...d, status: 'revoked', revoked: { time, tx } })),
  });
  assert.deepEqual(failed(await judge({ answer: since(LEDGER_TIME + 5) })), [], 'later by its time');
  assert.deepEqual(
    failed(await judge({ answer: revoked(LEDGER_TIME + 5), ...reads(0) })),
    ['reading.standing'],
    'earlier by its place',
  );
  assert.deepEqual(
    failed(await judge({ answer: since(LEDGER_TIME - 5) })),
    ['reading.standing'],
    'earlier by its time',
  );
  assert.deepEqual(
    failed(await judge({ answer: revoked(LEDGER_TIME - 5), ...reads(2) })),
    [],
    'later by its place',
  );
  const elsewhere = { places: { [anchorKey]: { block: 13, index: 1 } } };
  assert.deepEqual(
    failed(await judge(elsewhere)),
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
