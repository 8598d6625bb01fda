// SPDX-License-Identifier: Apache-2.0

/**
 * A receipt: a stream's signature over the root of a batch, and the path of one reading to it
 * (RFC 9942 with vds 1; docs/formats.md, "Receipt").
 * @module
 */

import { FormatError, toHex } from './bytes.js';
import { CborMap, decode } from './cbor.js';
import { LABEL, Sign1, claimHash, claimNumber, claimText, readHeader } from './cose.js';
import { isLowS } from './ecdsa.js';
import { leafHash, pathLength, rootFromInclusion } from './merkle.js';
import * as shape from './shape.js';

/** The length in bytes of the largest receipt. */
export const MAX_RECEIPT = 8192;

const RFC9162_SHA256 = 1;
const INCLUSION = -1;
const CLAIM = { iss: 1, sub: 2, number: -70003, anchor: -70004, transaction: -70005, time: -70007 };
const PROFILE = { labels: [LABEL.alg, LABEL.kid, LABEL.claims, LABEL.vds] };

/**
 * @typedef {object} Proof
 * @property {number} size of the tree
 * @property {number} index of the leaf
 * @property {Uint8Array[]} path
 */

/**
 * @typedef {object} Receipt
 * @property {Sign1} message
 * @property {Proof} proof
 * @property {string} stream name of the stream
 * @property {string} ledger channel/chaincode
 * @property {number} number of the batch
 * @property {string} anchor hash of the anchor, hexadecimal
 * @property {string} transaction id
 * @property {number} time of the transaction, milliseconds since 1970
 * @property {string} kid
 * @property {string} algorithm
 */

/**
 * @param {Uint8Array} bytes
 * @returns {Receipt}
 * @throws {FormatError}
 */
export function parseReceipt(bytes) {
  if (bytes.length > MAX_RECEIPT) throw new FormatError(`receipt of ${bytes.length} bytes, at most ${MAX_RECEIPT}`);
  const { message, proof } = parseGeneric(bytes);
  const { algorithm, kid, claims } = readHeader(message, PROFILE);
  if (algorithm === 'ES256' && !isLowS(message.signature, 'P-256'))
    throw new FormatError('receipt: the signature is not low-S');
  const keys = Object.values(CLAIM);
  const unknown = claims.keys().find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new FormatError(`receipt: claim ${String(unknown)} does not belong here`);
  const receipt = {
    message,
    proof,
    stream: claimText(claims, CLAIM.iss),
    ledger: claimText(claims, CLAIM.sub),
    number: claimNumber(claims, CLAIM.number, 1),
    anchor: toHex(claimHash(claims, CLAIM.anchor)),
    transaction: toHex(claimHash(claims, CLAIM.transaction)),
    time: claimNumber(claims, CLAIM.time),
    kid,
    algorithm,
  };
  shape.name(receipt.stream, 'receipt: iss');
  if (receipt.ledger === '' || receipt.ledger.length > 512)
    throw new FormatError('receipt: sub is not a ledger, channel/chaincode');
  return receipt;
}

/**
 * Reads any receipt of RFC 9942 with vds 1, a detached payload and one inclusion proof. What
 * else its protected header holds is for the caller to judge.
 * @param {Uint8Array} bytes
 * @returns {{message: Sign1, proof: Proof}}
 * @throws {FormatError}
 */
export function parseGeneric(bytes) {
  const message = Sign1.parse(bytes);
  if (message.payload !== null)
    throw new FormatError('receipt: the payload is attached; it belongs outside the message');
  const vds = message.header({ anyOrder: true }).get(LABEL.vds);
  if (vds !== RFC9162_SHA256) throw new FormatError(`receipt: vds ${String(vds)}, not 1 (RFC9162_SHA256)`);
  const proofs = message.unprotected.get(LABEL.vdp);
  if (message.unprotected.size !== 1 || !(proofs instanceof CborMap) || proofs.size !== 1) {
    throw new FormatError('receipt: the unprotected header is not a map of proofs of one kind');
  }
  const inclusion = proofs.get(INCLUSION);
  if (!Array.isArray(inclusion) || inclusion.length !== 1 || !(inclusion[0] instanceof Uint8Array)) {
    throw new FormatError('receipt: not one inclusion proof');
  }
  return { message, proof: parseProof(inclusion[0]) };
}

/**
 * @param {Uint8Array} encoded [tree-size, leaf-index, [* path]]
 * @returns {Proof}
 */
function parseProof(encoded) {
  const parts = decode(encoded);
  if (!Array.isArray(parts) || parts.length !== 3) throw new FormatError('inclusion proof: not an array of three');
  const [size, index, path] = parts;
  if (!Number.isSafeInteger(size) || size < 1) throw new FormatError('inclusion proof: no tree size');
  if (!Number.isSafeInteger(index) || index < 0 || index >= size)
    throw new FormatError('inclusion proof: no leaf of the tree');
  if (!Array.isArray(path) || path.some((hash) => !(hash instanceof Uint8Array) || hash.length !== 32)) {
    throw new FormatError('inclusion proof: the path is not an array of hashes of 32 bytes');
  }
  if (path.length !== pathLength(size, index))
    throw new FormatError(`inclusion proof: ${path.length} hashes, not ${pathLength(size, index)}`);
  return { size, index, path };
}

/**
 * The root to which a receipt's path leads from a leaf.
 * @param {Proof} proof
 * @param {Uint8Array} leaf the leaf's bytes
 * @returns {Promise<Uint8Array>}
 */
export async function rootOf(proof, leaf) {
  return rootFromInclusion(proof.size, proof.index, await leafHash(leaf), proof.path);
}
