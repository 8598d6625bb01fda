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
import { Identity } from './msp.js';
import { Message, isExactly } from './protobuf.js';

/**
 * @typedef {object} Block
 * @property {bigint} number
 * @property {Uint8Array} previousHash
 * @property {Uint8Array} dataHash
 * @property {Uint8Array[]} envelopes
 * @property {Message} signatures the metadata that orderers sign, and their signatures
 */

/**
 * Reads a block and checks that its header is that of its transactions. That their bytes are
 * one after another under one hash says nothing of where one ends, so each must be an envelope
 * in its one encoding.
 * @param {Uint8Array} bytes common.Block
 * @returns {Promise<Block>}
 * @throws {FormatError}
 */
export async function parseBlock(bytes) {
  const message = new Message(bytes);
  const header = message.message(1);
  const block = {
    number: header.uint(1),
    previousHash: header.bytes(2),
    dataHash: header.bytes(3),
    envelopes: message.message(2).list(1),
    signatures: new Message(message.message(3).list(1)[0] ?? new Uint8Array(0)),
  };
  if (block.number > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError('block number beyond 2^53-1');
  if (block.envelopes.length === 0) throw new FormatError(`block ${block.number} is empty`);
  block.envelopes.forEach((envelope, i) => checkEnvelope(envelope, `transaction ${i} of block ${block.number}`));
  if (!equal(block.dataHash, await sha256(...block.envelopes))) {
    throw new FormatError(`block ${block.number} does not hold the transactions whose hash is in its header`);
  }
  return block;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} what
 */
function checkEnvelope(bytes, what) {
  const envelope = new Message(bytes);
  const filled = envelope.bytes(1).length > 0 && envelope.bytes(2).length > 0;
  if (!filled || !isExactly(bytes, envelope, [1, 2])) throw new FormatError(`${what} is not an envelope in its one encoding`);
}

/**
 * What of a header is hashed and signed: ASN.1 in DER.
 * @param {Pick<Block, 'number' | 'previousHash' | 'dataHash'>} header
 * @returns {Uint8Array}
 */
export function headerBytes({ number, previousHash, dataHash }) {
  return encodeDer(0x30, encodeUnsigned(number), encodeDer(0x04, previousHash), encodeDer(0x04, dataHash));
}

/**
 * The orderers that signed a block, each once.
 * @param {Block} block
 * @param {import('./trust.js').Orderers} orderers
 * @returns {Promise<{signers: string[], refusals: string[]}>} why others do not count
 */
export async function orderersOf(block, orderers) {
  const header = headerBytes(block);
  /** @type {Map<string, string>} */
  const signers = new Map();
  const refusals = [];
  for (const bytes of block.signatures.list(2)) {
    const signature = new Message(bytes);
    try {
      const { identity, covered, label } = signerOf(signature, orderers);
      const refusal = await refusalOf(identity, orderers);
      if (refusal) throw new FormatError(`${label} ${refusal}`);
      const valid = await identity.verify(signature.bytes(2), block.signatures.bytes(1), covered, header);
      if (!valid) throw new FormatError(`${label} did not sign this block`);
      signers.set(`${identity.mspId}/${toHex(await sha256(identity.certificate.tbs.raw))}`, label);
    } catch (error) {
      refusals.push(error.message);
    }
  }
  return { signers: [...signers.values()], refusals };
}

/**
 * @param {Message} signature common.MetadataSignature
 * @param {import('./trust.js').Orderers} orderers
 * @returns {{identity: Identity, covered: Uint8Array, label: string}}
 */
function signerOf(signature, orderers) {
  const [signatureHeader, identifierHeader] = [signature.bytes(1), signature.bytes(3)];
  if (orderers.consensus === 'BFT' && signatureHeader.length === 0 && identifierHeader.length > 0) {
    const id = new Message(identifierHeader).number(1);
    const consenter = orderers.consenters.find((known) => known.id === id);
    if (!consenter) throw new FormatError(`consenter ${id} is not pinned`);
    return { identity: consenter.identity, covered: identifierHeader, label: `consenter ${id} of ${consenter.identity.mspId}` };
  }
  const identity = Identity.parse(new Message(signatureHeader).bytes(1));
  return { identity, covered: signatureHeader, label: `an orderer of ${identity.mspId}` };
}

/**
 * Why an identity is no orderer whose signature counts, or null.
 * @param {Identity} identity
 * @param {import('./trust.js').Orderers} orderers
 * @returns {Promise<string | null>}
 */
async function refusalOf(identity, orderers) {
  const organisation = orderers.organisations.find(({ mspId }) => mspId === identity.mspId);
  if (!organisation) return 'is of no pinned orderer organisation';
  if (orderers.consensus !== 'BFT') return organisation.nodeRefusal(identity);
  if (!orderers.consenters.some((consenter) => consenter.identity.isSame(identity))) return 'is no pinned consenter';
  return organisation.refusal(identity);
}

/**
 * Where each transaction of a block stands, by its bytes.
 * @param {Block} block
 * @param {Uint8Array} envelope
 * @returns {number} -1 when the block does not hold it
 */
export function indexOf(block, envelope) {
  return block.envelopes.findIndex((bytes) => equal(bytes, envelope));
}

