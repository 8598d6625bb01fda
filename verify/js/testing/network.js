// SPDX-License-Identifier: Apache-2.0

/**
 * A network of Fabric in miniature for tests: organisations, peers, orderers, transactions and
 * blocks, signed as the real ones are.
 * @module
 */

import { concat, fromHex, sha256, toHex, utf8 } from '../bytes.js';
import { headerBytes } from '../block.js';
import * as messages from '../messages.js';
import { issue, sign } from './authority.js';

/**
 * Encodes a message by its schema.
 * @param {import('../protobuf.js').Schema} schema
 * @param {Record<string, any>} values
 * @returns {Uint8Array}
 */
export function encodeMessage(schema, values) {
  const parts = Object.entries(schema)
    .sort(([, [a]], [, [b]]) => a - b)
    .flatMap(([name, [number, kind]]) => {
      const value = values[name];
      if (value === undefined || value === 0 || value === '' || value?.length === 0) return [];
      if (kind === 'uint') return [Uint8Array.of(number << 3), varint(value)];
      const list =
        kind === 'list'
          ? value
          : [kind === 'text' ? utf8(value) : typeof kind === 'object' ? encodeMessage(kind, value) : value];
      return list.flatMap((bytes) => [Uint8Array.of((number << 3) | 2), varint(bytes.length), bytes]);
    });
  return concat(...parts);
}

function varint(value) {
  const out = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  return Uint8Array.of(...out, rest);
}

/** @param {string} mspId @param {any} certificate */
export function identity(mspId, certificate) {
  return encodeMessage(messages.IDENTITY, { mspId, certificate: utf8(certificate.pem) });
}

/** @param {string} mspId */
export async function organisation(mspId, { unit = 'peer' } = {}) {
  const ca = await issue({ commonName: `ca.${mspId}`, authority: true });
  const node = await issue({ issuer: ca, commonName: `${unit}0.${mspId}`, units: [unit] });
  const client = await issue({ issuer: ca, commonName: `bridge.${mspId}`, units: ['client'] });
  return { mspId, ca, node, client };
}

const CHANNEL = 'mychannel';
const CHAINCODE = 'anchorline';
const nonces = (() => {
  let n = 0;
  return () => fromHex((++n).toString(16).padStart(48, '0'));
})();

/** The id that a transaction of a creator will have. */
export async function begin(creator) {
  const nonce = nonces();
  return { creator, nonce, txId: toHex(await sha256(nonce, creator.identity)) };
}

/**
 * An endorsed transaction; unsigned when submit is false. Each `change…` may spoil what is signed next.
 * @param {any} options
 */
export async function transaction({
  call,
  args,
  time,
  answer = new Uint8Array(0),
  writes = [],
  reads = [],
  endorsers,
  submit = true,
  channel = CHANNEL,
  chaincode = CHAINCODE,
  answeredBy = chaincode,
  status = 200,
  change = {},
}) {
  const { creator, nonce, txId } = call;
  const apply = (what, value) => (change[what] ? change[what](value) : value);
  const chaincodeId = { name: chaincode };
  const channelHeader = encodeMessage(
    messages.CHANNEL_HEADER,
    apply('channelHeader', {
      type: 3,
      timestamp: { seconds: Math.floor(time / 1000), nanos: (time % 1000) * 1_000_000 },
      channel,
      txId,
      extension: encodeMessage(messages.EXTENSION, { chaincodeId }),
    }),
  );
  const signatureHeader = encodeMessage(messages.SIGNATURE_HEADER, { creator: creator.identity, nonce });
  const input = encodeMessage(messages.INVOCATION, { spec: { type: 1, chaincodeId, input: { args } } });
  const proposal = encodeMessage(messages.PROPOSAL_PAYLOAD, apply('proposal', { input }));
  const results = encodeMessage(messages.READ_WRITE_SET, {
    namespaces: [
      encodeMessage(messages.NAMESPACE, { name: '_lifecycle', set: new Uint8Array(0) }),
      encodeMessage(messages.NAMESPACE, {
        name: chaincode,
        set: encodeMessage(messages.KEY_VALUE_SET, {
          reads,
          writes: writes.map((write) => encodeMessage(messages.WRITE, write)),
        }),
      }),
    ],
  });
  const extension = encodeMessage(messages.CHAINCODE_ACTION, {
    results,
    response: { status, payload: answer },
    chaincodeId: { name: answeredBy, version: '1' },
  });
  const proposalHash = apply('proposalHash', await sha256(channelHeader, signatureHeader, proposal));
  const response = encodeMessage(messages.RESPONSE_PAYLOAD, { proposalHash, extension });
  const endorsements = await Promise.all(
    endorsers.map(async (peer, i) => {
      const endorser = identity(peer.mspId, peer.node);
      return encodeMessage(
        messages.ENDORSEMENT,
        apply('endorsement', { endorser, signature: await sign(peer.node.pair, concat(response, endorser)), i }),
      );
    }),
  );
  const payload = encodeMessage(messages.PAYLOAD, {
    header: { channelHeader, signatureHeader },
    data: encodeMessage(messages.TRANSACTION, {
      actions: [
        encodeMessage(messages.TRANSACTION_ACTION, {
          header: signatureHeader,
          payload: encodeMessage(
            messages.ACTION_PAYLOAD,
            apply('actionPayload', { proposal, action: { response: apply('response', response), endorsements } }),
          ),
        }),
      ],
    }),
  });
  const signature = submit ? apply('signature', await sign(creator.certificate.pair, payload)) : new Uint8Array(0);
  return encodeMessage(messages.ENVELOPE, { payload, signature });
}

/**
 * A block as it stands in evidence.
 * @param {any} options signers: [{mspId, node}] of Raft, or of BFT with an id
 */
export async function block({ number, envelopes, signers, bft = false, configuration = 0, change = {} }) {
  const dataHash = change.dataHash ?? (await sha256(...envelopes));
  const header = { number, previousHash: new Uint8Array(32).fill(7), dataHash };
  const value = encodeMessage(messages.ORDERER_METADATA, {
    lastConfig: { index: configuration },
    consenterMetadata: Uint8Array.of(1),
  });
  const signatures = await Promise.all(
    signers.map(async (signer) => {
      const said = bft
        ? encodeMessage(messages.IDENTIFIER_HEADER, { identifier: signer.id, nonce: nonces() })
        : encodeMessage(messages.SIGNATURE_HEADER, { creator: identity(signer.mspId, signer.node), nonce: nonces() });
      const signature = await sign(signer.node.pair, concat(value, said, headerBytes(header)), change.sign);
      return encodeMessage(messages.METADATA_SIGNATURE, {
        [bft ? 'identifierHeader' : 'signatureHeader']: said,
        signature,
      });
    }),
  );
  return encodeMessage(messages.BLOCK, {
    header: { ...header, ...change.header },
    data: { envelopes: change.envelopes ?? envelopes },
    metadata: { entries: [encodeMessage(messages.METADATA, { value, signatures })] },
  });
}
