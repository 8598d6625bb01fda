// SPDX-License-Identifier: Apache-2.0

/**
 * A block of Hyperledger Fabric, and who of the orderers signed it.
 *
 * Orderers sign the header and the value beside their signatures. They do not sign which
 * transactions turned out valid: a block proves order, not validity.
 * @module
 */

import { FormatError, equal, sha256, toHex } from './bytes.js';
import { encodeDer, encodeUnsigned } from './der.js';
import { MAX_SIGNATURES, parseHeader } from './fabric.js';
import * as messages from './messages.js';
import { Identity } from './msp.js';
import { decode } from './protobuf.js';

/**
 * @typedef {object} Block
 * @property {number} number
 * @property {Uint8Array} previousHash
 * @property {Uint8Array} dataHash
 * @property {Uint8Array[]} envelopes
 * @property {(string | null)[]} ids of the transactions; null for what is no endorsed one
 * @property {Uint8Array} value that the orderers sign with the header
 * @property {Uint8Array[]} signatures common.MetadataSignature
 * @property {number} configuration number of the configuration block in force, as the orderers say
 */

/**
 * Reads a block and checks that its header is that of its transactions. That their bytes are
 * one after another under one hash says nothing of where one ends, so each must be an envelope
 * in its one encoding.
 * @param {Uint8Array} bytes common.Block with its signatures as the only metadata
 * @param {string} channel that each transaction has to be of
 * @returns {Promise<Block>}
 * @throws {FormatError}
 */
export async function parseBlock(bytes, channel) {
  const { header, data, metadata } = decode(bytes, messages.BLOCK);
  if (!header || !data || data.envelopes.length === 0)
    throw new FormatError('the block has no header or no transaction');
  if (metadata?.entries.length !== 1)
    throw new FormatError(`block ${header.number} has other metadata than the signatures`);
  const { value, signatures } = decode(metadata.entries[0], messages.METADATA);
  if (signatures.length > MAX_SIGNATURES)
    throw new FormatError(
      `block ${header.number} has ${signatures.length} signatures, at most ${MAX_SIGNATURES} are read`,
    );
  const { envelopes } = data;
  if (!equal(header.dataHash, await sha256(...envelopes))) {
    throw new FormatError(`block ${header.number} does not hold the transactions whose hash is in its header`);
  }
  const ids = [];
  for (const [i, envelope] of envelopes.entries()) {
    const { payload, signature } = decode(envelope, messages.ENVELOPE);
    if (payload.length === 0 || (signature.length === 0 && envelopes.length > 1))
      throw new FormatError(`transaction ${i} of block ${header.number} is not signed`);
    ids.push(await idOf(payload, channel));
  }
  const configuration = decode(value, messages.ORDERER_METADATA).lastConfig?.index ?? 0;
  return { ...header, envelopes, ids, value, signatures, configuration };
}

/**
 * @param {Uint8Array} payload
 * @param {string} channel
 * @returns {Promise<string | null>}
 */
async function idOf(payload, channel) {
  let header;
  try {
    header = await parseHeader(payload);
  } catch {
    return null; // others may have written it in another encoding; it is none of ours
  }
  if (header.channel !== channel) throw new FormatError(`the block is of channel ${header.channel}, not of ${channel}`);
  return header.chaincode !== '' && header.statedId === header.txId ? header.txId : null;
}

/**
 * What of a header is hashed and signed: ASN.1 in DER.
 * @param {Pick<Block, 'number' | 'previousHash' | 'dataHash'>} header
 * @returns {Uint8Array}
 */
export function headerBytes({ number, previousHash, dataHash }) {
  return encodeDer(0x30, encodeUnsigned(BigInt(number)), encodeDer(0x04, previousHash), encodeDer(0x04, dataHash));
}

/**
 * The orderers that signed a block, each once, and why signatures of others do not count.
 * @param {Block} block
 * @param {import('./trust.js').Orderers} orderers
 * @returns {Promise<{signers: string[], refusals: string[]}>}
 */
export async function orderersOf(block, orderers) {
  const header = headerBytes(block);
  /** @type {Map<string, string>} */
  const signers = new Map();
  const refusals = [];
  for (const bytes of block.signatures) {
    try {
      const { signature, ...headers } = decode(bytes, messages.METADATA_SIGNATURE);
      const { identity, covered, label } = await signerOf(headers, orderers);
      if (!(await identity.verify(signature, block.value, covered, header)))
        throw new FormatError(`${label} did not sign this block`);
      signers.set(toHex(await sha256(identity.certificate.tbs.raw)), label);
    } catch (error) {
      refusals.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { signers: [...signers.values()].sort(), refusals };
}

/** @typedef {{identity: Identity, covered: Uint8Array, label: string}} Signer covered: the header that it signs with the block's */

/**
 * @param {Record<string, any>} headers of a common.MetadataSignature
 * @param {import('./trust.js').Orderers} orderers
 * @returns {Promise<Signer>}
 */
async function signerOf(headers, orderers) {
  const signer = orderers.consensus === 'BFT' ? consenterOf(headers, orderers) : ordererOf(headers);
  const { mspId } = signer.identity;
  const organisation = orderers.organisations.find((o) => o.mspId === mspId);
  if (!organisation) throw new FormatError(`${mspId} is no pinned orderer organisation`);
  // A consenter is pinned by name, so that its role is known.
  const refusal = await (orderers.consensus === 'BFT'
    ? organisation.refusal(signer.identity)
    : organisation.nodeRefusal(signer.identity));
  if (refusal) throw new FormatError(`${signer.label} ${refusal}`);
  return signer;
}

/**
 * @param {Record<string, any>} headers
 * @param {import('./trust.js').Orderers} orderers
 * @returns {Signer}
 */
function consenterOf({ signatureHeader, identifierHeader }, { consenters }) {
  if (signatureHeader.length > 0)
    throw new FormatError('a BFT orderer signs with its number, not with its certificate');
  const { identifier } = decode(identifierHeader, messages.IDENTIFIER_HEADER);
  const consenter = consenters.find(({ id }) => id === identifier);
  if (!consenter) throw new FormatError(`consenter ${identifier} is not pinned`);
  const { identity } = consenter;
  return { identity, covered: identifierHeader, label: `consenter ${identifier} of ${identity.mspId}` };
}

/**
 * @param {Record<string, any>} headers
 * @returns {Signer}
 */
function ordererOf({ signatureHeader, identifierHeader }) {
  if (identifierHeader.length > 0)
    throw new FormatError('a Raft orderer signs with its certificate, not with a number');
  const identity = Identity.parse(decode(signatureHeader, messages.SIGNATURE_HEADER).creator);
  return { identity, covered: signatureHeader, label: `an orderer of ${identity.mspId}` };
}
