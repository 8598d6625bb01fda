// SPDX-License-Identifier: Apache-2.0

/**
 * A whole story for tests: a device signs, a stream receipts, a network anchors, orders and
 * attests. Every step can be spoilt by a change before what follows is signed.
 * @module
 */

import { sha256, toHex, utf8 } from '../bytes.js';
import { Tag, encode } from '../cbor.js';
import { canonical } from '../json.js';
import { PublicKey } from '../key.js';
import { leafHash } from '../merkle.js';
import { READ } from '../messages.js';
import { issue, newPair } from './authority.js';
import { begin, block, encodeMessage, identity, organisation, transaction } from './network.js';

export const LEDGER_TIME = 1_750_000_000_500;
const START = { time: 1_740_000_000_000, tx: 'a'.repeat(64) };
const LATER = { time: LEDGER_TIME + 2000, tx: '7'.repeat(64) };
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** @param {'Ed25519' | 'P-256'} kind */
export async function coseKey(kind) {
  const pair = await newPair(kind);
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const entries =
    kind === 'Ed25519'
      ? [
          [1, 1],
          [-1, 6],
          [-2, raw],
        ]
      : [
          [1, 2],
          [-1, 1],
          [-2, raw.slice(1, 33)],
          [-3, raw.slice(33)],
        ];
  const encoded = encode(new Map(/** @type {any} */ (entries)));
  const key = await PublicKey.parse(encoded);
  const text = btoa(String.fromCharCode(...encoded))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
  return { pair, id: key.id, algorithm: key.algorithm, text, alg: kind === 'Ed25519' ? -8 : -7 };
}

/** A COSE_Sign1: low-S unless asked for otherwise. */
export async function sign1(key, header, { payload, detached = null, unprotected = new Map(), highS = false }) {
  const protectedBytes = encode(
    new Map([[1, key.alg], [4, Uint8Array.from(key.id.match(/../g), (b) => parseInt(b, 16))], ...header]),
  );
  const toBeSigned = encode(['Signature1', protectedBytes, new Uint8Array(0), payload]);
  const algorithm = key.alg === -8 ? { name: 'Ed25519' } : { name: 'ECDSA', hash: 'SHA-256' };
  const signature = new Uint8Array(await crypto.subtle.sign(algorithm, key.pair.privateKey, toBeSigned));
  const s = BigInt(`0x${toHex(signature.slice(32))}`);
  if (key.alg === -7 && s > ORDER / 2n !== highS) {
    signature.set(
      Uint8Array.from((ORDER - s).toString(16).padStart(64, '0').match(/../g), (b) => parseInt(b, 16)),
      32,
    );
  }
  return {
    protectedBytes,
    signature,
    encoded: encode(new Tag(18, [protectedBytes, unprotected, detached ? null : payload, signature])),
  };
}

/** The network of all stories: made once, for keys and certificates take their time. */
export async function newNetwork({ bft = false } = {}) {
  const [org1, org2, orderer, mallory] = await Promise.all([
    organisation('Org1MSP'),
    organisation('Org2MSP'),
    organisation('OrdererMSP', { unit: 'orderer' }),
    organisation('MalloryMSP'),
  ]);
  const consenters = bft
    ? await Promise.all(
        [1, 2, 3, 4].map(async (id) => ({
          id,
          mspId: 'OrdererMSP',
          node: await issue({ issuer: orderer.ca, commonName: `orderer${id}`, units: ['orderer'] }),
        })),
      )
    : [];
  const peers = ({ mspId, ca }) => ({ mspId, roots: [ca.pem], intermediates: [], peerUnit: 'peer', revoked: [] });
  const trust = {
    type: 'trust',
    version: 1,
    ledger: 'mychannel/anchorline',
    configuration: { block: 0 },
    organisations: [peers(org1), peers(org2)],
    orderers: {
      consensus: bft ? 'BFT' : 'etcdraft',
      signatures: bft ? 3 : 1,
      organisations: [{ mspId: 'OrdererMSP', roots: [orderer.ca.pem], intermediates: [], ordererUnit: 'orderer' }],
      consenters: consenters.map(({ id, mspId, node }) => ({ id, mspId, certificate: node.pem })),
    },
    attestations: 2,
  };
  const [device, stream, other] = await Promise.all([coseKey('P-256'), coseKey('P-256'), coseKey('Ed25519')]);
  return { bft, org1, org2, orderer, mallory, consenters, trust, device, stream, other };
}

const record = (type, id, key, since) => ({
  type,
  version: 1,
  id,
  owner: 'Org1MSP',
  keys: [{ id: key.id, algorithm: key.algorithm, public: key.text, from: START }],
  updated: LATER,
  ...since,
});

/**
 * Tells the story and returns the statement's bytes.
 * @param {any} net
 * @param {any} [change] what to spoil; see the uses
 */
export async function statement(net, change = {}) {
  const apply = (what, value, ...more) => (change[what] ? change[what](value, ...more) : value);
  const creator = { certificate: net.org1.client, identity: identity('Org1MSP', net.org1.client) };
  const call = await begin(apply('creator', creator));
  const deviceKey = change.deviceKey ?? net.device;
  const claims = new Map(
    /** @type {any} */ ([
      [1, 'Org1MSP/pump-1'],
      [2, 'pump-1'],
      [-70001, 7],
      [-70002, LEDGER_TIME - 900],
    ]),
  );
  const reading = await sign1(
    deviceKey,
    apply('readingHeader', [
      [3, 110],
      [15, claims],
      [16, 'application/anchorline-reading+cose'],
    ]),
    { payload: utf8('[{"n":"t","v":1}]') },
  );
  if (change.readingSignature) change.readingSignature(reading.signature);
  const leaf = encode(new Tag(18, [reading.protectedBytes, new Map(), utf8('[{"n":"t","v":1}]'), reading.signature]));
  const sibling = await leafHash(utf8('another reading'));
  const root = await sha256(Uint8Array.of(1), sibling, await leafHash(leaf));

  const anchorValue = apply('anchor', {
    type: 'anchor',
    version: 1,
    stream: 'Org1MSP/bridge-1',
    number: 3,
    previous: 'b'.repeat(64),
    root: toHex(root),
    size: 2,
    bridgeTime: { first: LEDGER_TIME - 800, last: LEDGER_TIME - 400 },
    deviceTime: { first: LEDGER_TIME - 1000, last: LEDGER_TIME - 900 },
    counts: { 'device-signed': 2 },
    gaps: 0,
    quarantined: 0,
  });
  const anchor = utf8(canonical(anchorValue));
  const anchorHash = await sha256(anchor);
  const entry = {
    type: 'anchor-entry',
    version: 1,
    anchor: anchorValue,
    hash: toHex(anchorHash),
    txId: call.txId,
    ledgerTime: LEDGER_TIME,
    creator: 'Org1MSP',
  };

  const receiptClaims = apply(
    'receiptClaims',
    new Map(
      /** @type {any} */ ([
        [1, 'Org1MSP/bridge-1'],
        [2, 'mychannel/anchorline'],
        [-70003, 3],
        [-70004, anchorHash],
        [-70005, Uint8Array.from(call.txId.match(/../g), (b) => parseInt(b, 16))],
        [-70007, LEDGER_TIME],
      ]),
    ),
  );
  const proof = encode(apply('proof', [2, 1, [sibling]]));
  const receipt = await sign1(
    change.streamKey ?? net.stream,
    apply('receiptHeader', [
      [15, receiptClaims],
      [395, 1],
    ]),
    {
      payload: change.signedRoot ?? root,
      detached: true,
      unprotected: new Map([[396, new Map([[-1, [proof]]])]]),
      highS: change.receiptHighS,
    },
  );
  if (change.receiptSignature) change.receiptSignature(receipt);

  const envelope = await transaction({
    call,
    time: LEDGER_TIME,
    args: [utf8('anchors:Anchor'), anchor],
    answer: utf8('{}'),
    endorsers: [net.org1, net.org2],
    writes: apply('writes', [
      { key: '\0anchor\0Org1MSP\0bridge-1\x000000000000000003\0', value: utf8(canonical(apply('written', entry))) },
    ]),
    ...change.transaction,
  });
  const others = await Promise.all(
    [0, 1].map(async () =>
      transaction({
        call: await begin(creator),
        time: LEDGER_TIME,
        args: [utf8('devices:Get'), utf8('x')],
        endorsers: [net.org1],
      }),
    ),
  );
  const signers = net.bft ? net.consenters.slice(0, 3) : [{ mspId: 'OrdererMSP', node: net.orderer.node }];
  const ordered = await block({
    number: 12,
    envelopes: [others[0], envelope, others[1]],
    signers,
    bft: net.bft,
    ...change.block,
  });

  const attested = await Promise.all(
    (change.attestations ?? [{}]).map((/** @type {any} */ own) => attest(net, { ...change, ...own }, entry)),
  );
  const evidence = apply(
    'evidence',
    new Map(
      /** @type {any} */ ([
        [2, [ordered]],
        [3, attested],
      ]),
    ),
    { envelope },
  );
  const unprotected = apply(
    'unprotected',
    new Map(
      /** @type {any} */ ([
        [
          394,
          [
            encode(
              new Tag(18, [
                receipt.protectedBytes,
                new Map([[396, new Map([[-1, [proof]]])]]),
                null,
                receipt.signature,
              ]),
            ),
          ],
        ],
        [-70010, change.otherAnchor ?? anchor],
        ...(evidence.size ? [[-70011, encode(evidence)]] : []),
      ]),
    ),
  );
  return encode(new Tag(18, [reading.protectedBytes, unprotected, utf8('[{"n":"t","v":1}]'), reading.signature]));
}

/** Asks the network what its state holds. */
async function attest(net, change, entry) {
  const apply = (what, value) => (change[what] ? change[what](value) : value);
  const auditor = { certificate: net.org2.client, identity: identity('Org2MSP', net.org2.client) };
  const request = { stream: 'Org1MSP/bridge-1', from: 3, to: 3, devices: ['Org1MSP/pump-1'], nonce: 'c'.repeat(64) };
  const answer = apply('answer', {
    type: 'attestation',
    version: 1,
    ledger: 'mychannel/anchorline',
    nonce: 'c'.repeat(64),
    stream: record('stream', 'bridge-1', net.stream, { bridge: 'd'.repeat(64), opened: START }),
    head: {
      type: 'head',
      version: 1,
      stream: 'Org1MSP/bridge-1',
      number: 5,
      hash: 'e'.repeat(64),
      ledgerTime: LEDGER_TIME + 5000,
    },
    anchors: [apply('attestedEntry', entry)],
    devices: [
      record('device', 'pump-1', net.device, { status: 'active', registration: 'f'.repeat(64), registered: START }),
    ],
    equivocations: [],
  });
  const payload = change.answerBytes ? change.answerBytes(answer) : utf8(canonical(answer));
  return transaction({
    call: await begin(auditor),
    time: LEDGER_TIME + 60_000,
    args: [utf8('anchors:Attest'), utf8(JSON.stringify(request))],
    answer: payload,
    endorsers: [net.org1, net.org2],
    submit: false,
    reads: readsOf(change.places),
    ...change.attestation,
  });
}

/** Where the transactions stand that wrote last what peers read: all but the anchor's came after it. */
const PLACES = {
  '\0anchor\0Org1MSP\0bridge-1\x000000000000000003\0': { block: 12, index: 1 },
  '\0stream\0Org1MSP\0bridge-1\0': { block: 13, index: 0 },
  '\0device\0Org1MSP\0pump-1\0': { block: 13, index: 0 },
  '\0head\0Org1MSP\0bridge-1\0': { block: 14, index: 0 },
};

/**
 * What peers read, at places of which some may differ.
 * @param {Record<string, {block: number, index: number}>} [places]
 */
function readsOf(places = {}) {
  return Object.entries({ ...PLACES, ...places }).map(([key, version]) => encodeMessage(READ, { key, version }));
}
