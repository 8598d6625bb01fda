// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { before } from 'node:test';

import { headerBytes, orderersOf, parseBlock } from '../block.js';
import { concat, fromHex, fromUtf8, toHex, utf8 } from '../bytes.js';
import { encodeDer, encodeUnsigned, readDer } from '../der.js';
import { endorsersOf } from '../endorsement.js';
import { answersProposal, parseTransaction } from '../fabric.js';
import * as messages from '../messages.js';
import { Identity, Organisation } from '../msp.js';
import { decode, encodeField } from '../protobuf.js';
import { parseTrust } from '../trust.js';
import { Certificate } from '../x509.js';
import { begin, block, encodeMessage, identity, organisation, transaction } from '../testing/network.js';
import { needs, read, root, sharedPath } from '../testing/shared.js';

/** @type {any} */
let org1;
/** @type {any} */
let org2;
/** @type {any} */
let orderer;
before(async () => {
  [org1, org2, orderer] = await Promise.all([
    organisation('Org1MSP'),
    organisation('Org2MSP'),
    organisation('OrdererMSP', { unit: 'orderer' }),
  ]);
});

const schema = /** @type {import('../protobuf.js').Schema} */ ({
  n: [1, 'uint'],
  b: [2, 'bytes'],
  t: [3, 'text'],
  l: [4, 'list'],
  m: [5, { n: [1, 'uint'] }],
});

test('a message is read in its one encoding', () => {
  const bytes = fromHex('08960112020102' + '1a0161' + '22002201ff' + '2a020805');
  assert.deepEqual(
    { ...decode(bytes, schema) },
    { n: 150, b: Uint8Array.of(1, 2), t: 'a', l: [new Uint8Array(0), Uint8Array.of(255)], m: { n: 5 } },
  );
  assert.deepEqual(encodeMessage(schema, decode(bytes, schema)), bytes);
  assert.deepEqual({ ...decode(new Uint8Array(0), schema) }, { n: 0, b: new Uint8Array(0), t: '', l: [], m: null });
  assert.equal(decode(fromHex('08ffffffffffffff0f'), schema).n, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(decode(fromHex('2a00'), schema).m, { n: 0 }, 'an empty message is there');
});

test('what two readers could read differently is refused', () => {
  const bad = {
    twice: '08010802',
    'out of order': '1201000801',
    'unknown field': '3001',
    'default number': '0800',
    'default bytes': '1200',
    'default text': '1a00',
    'long number': '08810000'.slice(0, 4) + '00',
    'long tag': '880001',
    'long length': '12810001',
    'another wire type': '0a0101',
    'bytes as a number': '1001',
    'cut in a number': '0880',
    'cut in bytes': '120501',
    'cut before a value': '08',
    group: '0b',
    fixed: '0d01020304',
    'no UTF-8': '1a01ff',
    'beyond 2^53-1': '0880808080808080' + '10',
    negative: '08ffffffffffffffffff01',
    'message within twice': '2a0208012a020801',
    'eleven bytes': '08' + 'ff'.repeat(11) + '01',
  };
  for (const [name, hex] of Object.entries(bad))
    assert.throws(() => decode(fromHex(hex), schema), { name: 'FormatError' }, name);
});

test('DER is read in its one encoding', () => {
  assert.equal(readDer(fromHex('06082a8648ce3d030107'), 0x06).oid(), '1.2.840.10045.3.1.7');
  assert.equal(readDer(fromHex('0603551d0f'), 0x06).oid(), '2.5.29.15');
  assert.equal(readDer(fromHex('170d3235303631353135303634305a'), 0x17).time(), Date.UTC(2025, 5, 15, 15, 6, 40));
  assert.equal(readDer(fromHex('180f32303530303631353135303634305a'), 0x18).time(), Date.UTC(2050, 5, 15, 15, 6, 40));
  assert.equal(toHex(encodeUnsigned(0n)), '020100');
  assert.equal(toHex(encodeUnsigned(128n)), '02020080');
  assert.equal(encodeDer(0x04, new Uint8Array(300)).length, 304);
  for (const hex of ['', '30', '3001', '308000', '30810100', '3082000100', '300000', '1f8101', '3085ffffffffff'])
    assert.throws(() => readDer(fromHex(hex), 0x30), { name: 'FormatError' }, hex);
  for (const text of ['251301000000Z', '250230000000Z', '250101240000Z', '2501010000Z', '250101000000+0000']) {
    assert.throws(() => readDer(encodeDer(0x17, utf8(text)), 0x17).time(), { name: 'FormatError' }, text);
  }
  for (const hex of ['0200', '020180', '02020001', '0203000080'])
    assert.throws(() => readDer(fromHex(hex), 0x02).unsigned(), { name: 'FormatError' }, hex);
  assert.throws(() => readDer(fromHex('010101'), 0x01).boolean(), { name: 'FormatError' });
  assert.throws(() => readDer(fromHex('030204f0'), 0x03).bits(), { name: 'FormatError' });
});

test('the header of a block is the DER that Fabric hashes', () => {
  const header = { number: 300, previousHash: Uint8Array.of(1), dataHash: Uint8Array.of(2, 3) };
  assert.equal(toHex(headerBytes(header)), '300b0202012c0401010402' + '0203');
});

/** What a real network signed, and the verdict on it. */
async function judged(trust, { envelope, attestation, ordered }) {
  const tx = await parseTransaction(envelope);
  const creator = Identity.parse(tx.creator);
  const organisations = trust.organisations.find(({ mspId }) => mspId === creator.mspId);
  const asked = await parseTransaction(attestation);
  const parsed = await parseBlock(ordered, 'mychannel');
  return {
    creator: (await organisations?.refusal(creator)) === null && (await creator.verify(tx.signature, tx.payload)),
    proposals: (await answersProposal(tx)) && (await answersProposal(asked)),
    endorsers: (await endorsersOf(tx.action, trust)).organisations.join(),
    attesters: (await endorsersOf(asked.action, trust)).organisations.join(),
    orderers: (await orderersOf(parsed, trust.orderers)).signers.length,
    holds: parsed.ids.includes(tx.txId),
    unsigned: asked.signature.length === 0,
  };
}

for (const [name, orderers] of /** @type {[string, number][]} */ ([
  ['raft', 1],
  ['smartbft', 3],
])) {
  const path = (file) => join(root, 'audit', 'fabric', 'testdata', name, file);
  test(`what a real network with ${name} orderers signed is verified`, needs(path('block.pb')), async () => {
    const trust = await parseTrust(read(path('trust.json')));
    const real = {
      envelope: read(path('envelope.pb')),
      attestation: read(path('attestation.pb')),
      ordered: read(path('block.pb')),
    };
    const verdict = await judged(trust, real);
    assert.deepEqual(verdict, {
      creator: true,
      proposals: true,
      endorsers: 'Org1MSP,Org2MSP',
      attesters: 'Org1MSP,Org2MSP',
      orderers,
      holds: true,
      unsigned: true,
    });
    const state = (await parseTransaction(real.envelope)).action.state.get('anchorline');
    assert.ok(state && state.writes.length > 0 && state.reads.size > 0);
    for (const part of /** @type {const} */ (['envelope', 'attestation', 'ordered'])) {
      for (let i = 0; i < real[part].length; i += 31) {
        const bytes = real[part].slice();
        bytes[i] ^= 1 << (i % 8);
        let after = null;
        try {
          after = await judged(trust, { ...real, [part]: bytes });
        } catch (error) {
          assert.equal(/** @type {Error} */ (error).name, 'FormatError', `${part} byte ${i}: ${error}`);
        }
        assert.notDeepEqual(after, verdict, `${part} byte ${i}`);
      }
    }
  });
}

const fabricBlocks = (file) => sharedPath('fabric-blocks', file);
test("Fabric's own block is signed by the orderer of its authority", needs(fabricBlocks('block3.pb')), async () => {
  const whole = read(fabricBlocks('block3.pb'));
  const { data, metadata } = decode(whole, messages.BLOCK);
  const header = whole.subarray(2, 2 + whole[1]);
  const trimmed = (dataParts) =>
    concat(
      encodeField(1, header),
      encodeField(2, concat(...dataParts.map((e) => encodeField(1, e)))),
      encodeField(3, encodeField(1, metadata.entries[0])),
    );
  await assert.rejects(parseBlock(whole, 'e2e-orderer-syschan'), /other metadata/);
  const found = await parseBlock(trimmed(data.envelopes), 'e2e-orderer-syschan');
  assert.equal(found.number, 3);
  // The authority that issued the orderer's certificate is in the block; the ones beside it have the
  // same names and other keys.
  const pems =
    new TextDecoder('latin1').decode(whole).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const within = pems
    .map((pem) => Certificate.fromPem(pem))
    .filter((c) => c.isAuthority && new TextDecoder('latin1').decode(c.subject).includes('\x0eca.example.com'));
  const by = async (root) => {
    const own = new Organisation({ mspId: 'OrdererMSP', roots: [root], intermediates: [], unit: '', revoked: [] });
    return (await orderersOf(found, { consensus: 'etcdraft', signatures: 1, organisations: [own], consenters: [] }))
      .signers.length;
  };
  assert.ok(within.length > 0);
  assert.equal(await by(within[0]), 1);
  for (const file of ['ca.example.com-cert.pem', 'ca.org1.example.com-cert.pem']) {
    assert.equal(await by(Certificate.fromPem(fromUtf8(read(fabricBlocks(file))))), 0, file);
  }
  const altered = data.envelopes.map((e) => Uint8Array.from(e, (b, i) => (i === 100 ? b ^ 1 : b)));
  await assert.rejects(parseBlock(trimmed(altered), 'e2e-orderer-syschan'), { name: 'FormatError' });
});

test('the bytes of transactions cannot be cut into others', async () => {
  const client = { certificate: org1.client, identity: identity('Org1MSP', org1.client) };
  const make = async () =>
    transaction({ call: await begin(client), time: 1_750_000_000_000, args: [utf8('f')], endorsers: [org1] });
  const envelopes = [await make(), await make()];
  const signers = [{ mspId: 'OrdererMSP', node: orderer.node }];
  assert.equal((await parseBlock(await block({ number: 1, envelopes, signers }), 'mychannel')).ids.length, 2);
  const all = concat(...envelopes);
  for (const cut of [
    [all],
    [all.slice(0, 10), all.slice(10)],
    [envelopes[0].slice(0, -1), concat(envelopes[0].slice(-1), envelopes[1])],
    [...envelopes, new Uint8Array(0)],
  ]) {
    await assert.rejects(
      block({ number: 1, envelopes, signers, change: { envelopes: cut } }).then((b) => parseBlock(b, 'mychannel')),
      { name: 'FormatError' },
    );
  }
  await assert.rejects(
    block({ number: 1, envelopes, signers }).then((b) => parseBlock(b, 'other')),
    /channel/,
  );
});

test('an endorsement counts when a pinned peer signed this very answer', async () => {
  const trust = await parseTrust(
    JSON.stringify({
      type: 'trust',
      version: 1,
      ledger: 'mychannel/anchorline',
      configuration: { block: 0 },
      attestations: 1,
      organisations: [{ mspId: 'Org1MSP', roots: [org1.ca.pem], peerUnit: 'peer' }],
      orderers: {
        consensus: 'etcdraft',
        signatures: 1,
        organisations: [{ mspId: 'OrdererMSP', roots: [orderer.ca.pem], ordererUnit: 'orderer' }],
      },
    }),
  );
  const client = { certificate: org1.client, identity: identity('Org1MSP', org1.client) };
  const endorsed = async (more) =>
    endorsersOf(
      (
        await parseTransaction(
          await transaction({ call: await begin(client), time: 1, args: [utf8('f')], endorsers: [org1], ...more }),
        )
      ).action,
      trust,
    );
  assert.deepEqual((await endorsed({})).organisations, ['Org1MSP']);
  assert.deepEqual(await endorsed({ endorsers: [org1, org2] }), {
    organisations: ['Org1MSP'],
    faults: ['an endorser is of Org2MSP, which is not pinned'],
  });
  assert.deepEqual(
    (await endorsed({ endorsers: [org1, org1] })).organisations,
    ['Org1MSP'],
    'two peers of one organisation count once',
  );
  assert.deepEqual((await endorsed({ endorsers: [{ ...org1, node: org1.client }] })).organisations, [], 'a client');
  assert.deepEqual(
    (await endorsed({ endorsers: [{ ...org2, mspId: 'Org1MSP' }] })).organisations,
    [],
    'of another authority',
  );
  assert.deepEqual(
    (await endorsed({ change: { response: (bytes) => Uint8Array.from(bytes, (b, i) => (i === 5 ? b ^ 1 : b)) } }))
      .organisations,
    [],
    'another answer',
  );
});
