// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test, { before } from 'node:test';

import { concat, fromHex, utf8 } from '../bytes.js';
import { Identity } from '../msp.js';
import { parseTrust, quorum } from '../trust.js';
import { Certificate } from '../x509.js';
import { extension, issue, newPair, revocations, sign } from '../testing/authority.js';
import { identity, organisation } from '../testing/network.js';

/** @type {any} */
let org;
/** @type {any} */
let orderer;
before(async () => {
  [org, orderer] = await Promise.all([organisation('Org1MSP'), organisation('OrdererMSP', { unit: 'orderer' })]);
});

const document = (change = {}, of = {}) => ({
  type: 'trust',
  version: 1,
  ledger: 'mychannel/anchorline',
  configuration: { block: 4 },
  organisations: [{ mspId: 'Org1MSP', roots: [org.ca.pem], peerUnit: 'peer', ...of }],
  orderers: {
    consensus: 'etcdraft',
    signatures: 1,
    organisations: [{ mspId: 'OrdererMSP', roots: [orderer.ca.pem], ordererUnit: 'orderer' }],
  },
  attestations: 1,
  ...change,
});
const pinned = async (of = {}) => (await parseTrust(JSON.stringify(document({}, of)))).organisations[0];
const refusal = async (certificate, of = {}, mspId = 'Org1MSP') =>
  (await pinned(of)).nodeRefusal(Identity.parse(identity(mspId, certificate)));

test('trust.json is read strictly', async () => {
  assert.equal((await parseTrust(JSON.stringify(document(), null, 2))).ledger, 'mychannel/anchorline');
  assert.equal((await parseTrust(utf8(JSON.stringify(document())))).configuration, 4);
  const text = JSON.stringify(document());
  const bad = [
    '',
    '{}',
    `${text}x`,
    text.replace('"version":1', '"version":1,"version":1'),
    text.replace('"version":1', '"version":2'),
    text.replace('"type"', '"typ"'),
    text.replace('etcdraft', 'solo'),
    text.replace('"signatures":1', '"signatures":2'),
    text.replace('"attestations":1', '"attestations":2'),
    text.replace('"attestations":1', '"attestations":0'),
    text.replace('"peerUnit":"peer"', '"x":1'),
    text.replace('mychannel/', ''),
    text.replace('"block":4', '"block":-4'),
    JSON.stringify(document({ organisations: [] })),
    JSON.stringify(document({ more: 1 })),
    JSON.stringify(document({}, { roots: [] })),
    JSON.stringify(document({}, { roots: ['x'] })),
    JSON.stringify(document({}, { roots: [`${org.ca.pem}${org.ca.pem}`] })),
    JSON.stringify(document({}, { roots: [org.node.pem] })),
    JSON.stringify(document({ organisations: [document().organisations[0], document().organisations[0]] })),
    JSON.stringify(document({}, { revoked: [org.ca.pem] })),
    JSON.stringify(document({}, { intermediates: [orderer.ca.pem] })),
    JSON.stringify(document({}, { roots: [org.ca.pem, org.ca.pem] })),
    JSON.stringify(document({}, { revoked: [await revocations(org.ca, [], null)] })),
  ];
  for (const [i, wrong] of bad.entries())
    await assert.rejects(parseTrust(wrong), { name: 'FormatError' }, `${i}: ${wrong.slice(0, 80)}`);
});

test('BFT consenters are pinned by name, and their quorum with them', async () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 10].map(quorum), [1, 2, 2, 3, 4, 4, 5, 7]);
  const nodes = await Promise.all(
    [1, 2, 3, 4].map((i) => issue({ issuer: orderer.ca, commonName: `o${i}`, units: ['orderer'] })),
  );
  const consenters = nodes.map((node, i) => ({ id: i + 1, mspId: 'OrdererMSP', certificate: node.pem }));
  const bft = (change) =>
    parseTrust(
      JSON.stringify(
        document({ orderers: { ...document().orderers, consensus: 'BFT', signatures: 3, consenters, ...change } }),
      ),
    );
  assert.equal((await bft({})).orderers.consenters.length, 4);
  for (const change of [
    { signatures: 2 },
    { signatures: 4 },
    { consenters: [] },
    { consensus: 'etcdraft', signatures: 1 },
    { consenters: [...consenters.slice(0, 3), { ...consenters[3], id: 1 }] },
    { consenters: [...consenters.slice(0, 3), { ...consenters[0], id: 4 }] },
    { consenters: [...consenters.slice(0, 3), { id: 4, mspId: 'OrdererMSP', certificate: org.node.pem }] },
    { consenters: [...consenters.slice(0, 3), { ...consenters[3], mspId: 'Org1MSP' }] },
  ])
    await assert.rejects(bft(change), { name: 'FormatError' }, JSON.stringify(Object.keys(change)));
});

test('a peer is who its organisation says', async () => {
  assert.equal(await refusal(org.node), null);
  assert.match(`${await refusal(org.client)}`, /no organizational unit "peer"/);
  assert.equal(await refusal(org.client, { peerUnit: '' }), null, 'without NodeOUs every member counts');
  assert.match(`${await refusal(org.node, {}, 'Org2MSP')}`, /is of Org2MSP/);
  assert.match(`${await refusal(await issue({ issuer: orderer.ca, units: ['peer'] }))}`, /0 chains/);
  assert.match(
    `${await refusal(await issue({ issuer: org.ca, units: ['peer'], authority: true }))}`,
    /certificate authority/,
  );
  assert.match(`${await refusal(await issue({ issuer: org.ca, units: ['peer', 'client'] }))}`, /"peer" and "client"/);
  assert.match(`${await refusal(await issue({ units: ['peer'] }))}`, /0 chains/, 'one that signs itself');
  const forged = await issue({ issuer: { ...org.ca, pair: await newPair() }, units: ['peer'] });
  assert.match(`${await refusal(forged)}`, /0 chains/, "the authority's name with another key");
});

test('expiry is left out of account, but an authority must have been in force', async () => {
  assert.equal(
    await refusal(await issue({ issuer: org.ca, units: ['peer'], from: 1_700_000_100_000, until: 1_700_000_200_000 })),
    null,
  );
  assert.match(
    `${await refusal(await issue({ issuer: org.ca, units: ['peer'], from: 1_600_000_000_000 }))}`,
    /0 chains/,
  );
});

test('a chain goes over intermediates, and their issuer issues no members', async () => {
  const intermediate = await issue({ issuer: org.ca, commonName: 'ica', authority: true, pathLength: 0 });
  const below = await issue({ issuer: intermediate, commonName: 'ica2', authority: true });
  const peer = await issue({ issuer: intermediate, units: ['peer'] });
  assert.equal(await refusal(peer, { intermediates: [intermediate.pem] }), null);
  assert.match(`${await refusal(peer)}`, /0 chains/);
  assert.match(`${await refusal(org.node, { intermediates: [intermediate.pem] })}`, /issues authorities only/);
  const deep = await issue({ issuer: below, units: ['peer'] });
  assert.match(
    `${await refusal(deep, { intermediates: [intermediate.pem, below.pem] })}`,
    /0 chains/,
    'deeper than the path length',
  );
  const powerless = await issue({
    issuer: org.ca,
    commonName: 'ica',
    authority: true,
    keyUsage: Uint8Array.of(7, 0x80),
  });
  assert.match(
    `${await refusal(await issue({ issuer: powerless, units: ['peer'] }), { intermediates: [powerless.pem] })}`,
    /0 chains/,
    'may not sign certificates',
  );
});

test('a revocation list counts when the issuer signed it', async () => {
  assert.match(`${await refusal(org.node, { revoked: [await revocations(org.ca, [org.node.serial])] })}`, /revoked/);
  assert.equal(
    await refusal(org.node, {
      revoked: [await revocations(org.ca, [org.client.serial]), await revocations(org.ca, [])],
    }),
    null,
  );
  assert.equal(
    await refusal(org.node, { revoked: [await revocations(orderer.ca, [org.node.serial])] }),
    null,
    'of another authority',
  );
  assert.equal(
    await refusal(org.node, { revoked: [await revocations({ ...org.ca, pair: orderer.ca.pair }, [org.node.serial])] }),
    null,
    'forged',
  );
});

test('extensions that are not understood are refused where they are critical', async () => {
  assert.equal(
    await refusal(await issue({ issuer: org.ca, units: ['peer'], more: [extension('2a03040506070801', utf8('{}'))] })),
    null,
    "Fabric's attributes",
  );
  const critical = await issue({
    issuer: org.ca,
    units: ['peer'],
    more: [extension('2a03040506070801', utf8('{}'), true)],
  });
  assert.throws(() => Certificate.fromPem(critical.pem), /not supported/);
  const constrained = await issue({ authority: true, more: [extension('551d1e', fromHex('3000'))] });
  assert.throws(() => Certificate.fromPem(constrained.pem), /not supported/);
  const twice = await issue({ issuer: org.ca, more: [extension('551d13', fromHex('3000'))] });
  assert.throws(() => Certificate.fromPem(twice.pem), /comes twice/);
  assert.equal(
    await refusal(await issue({ issuer: org.ca, units: ['peer'], uses: ['2b06010505070301', '2b06010505070302'] })),
    null,
  );
  assert.match(
    `${await refusal(await issue({ issuer: org.ca, units: ['peer'], uses: ['2b06010505070302'] }))}`,
    /0 chains/,
    'for clients of TLS only',
  );
});

test('a signature is low-S and in strict DER, on every curve that Fabric knows', async () => {
  for (const kind of /** @type {const} */ (['P-256', 'P-384', 'Ed25519'])) {
    const ca = await issue({ commonName: 'ca', authority: true, kind });
    const node = await issue({ issuer: ca, units: ['peer'], kind });
    assert.equal(await refusal(node, { roots: [ca.pem] }), null, kind);
    const holder = Identity.parse(identity('Org1MSP', node));
    const signature = await sign(node.pair, utf8('message'));
    assert.ok(await holder.verify(signature, utf8('mess'), utf8('age')), kind);
    assert.ok(!(await holder.verify(signature, utf8('massage'))), kind);
    assert.ok(!(await holder.verify(concat(signature, Uint8Array.of(0)), utf8('message'))), kind);
    assert.ok(!(await holder.verify(new Uint8Array(0), utf8('message'))), kind);
    if (kind !== 'Ed25519')
      assert.ok(
        !(await holder.verify(await sign(node.pair, utf8('message'), { highS: true }), utf8('message'))),
        `${kind} high-S`,
      );
  }
});

test('a certificate that is cut or flipped is refused or belongs to nobody', async () => {
  const whole = await pinned();
  for (let i = 0; i < org.node.der.length; i++) {
    assert.throws(() => new Certificate(org.node.der.subarray(0, i)), { name: 'FormatError' }, `cut at ${i}`);
    const flipped = org.node.der.slice();
    flipped[i] ^= 1 << (i % 8);
    let certificate = null;
    try {
      certificate = new Certificate(flipped);
    } catch (error) {
      assert.equal(/** @type {Error} */ (error).name, 'FormatError', `byte ${i}: ${error}`);
    }
    if (certificate) assert.notEqual(await whole.refusal(new Identity('Org1MSP', certificate)), null, `byte ${i}`);
  }
});
