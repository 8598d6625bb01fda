// SPDX-License-Identifier: Apache-2.0

/**
 * A statement: a reading with its receipt, the anchor and the ledger's evidence in one file
 * (RFC 9943; docs/formats.md, "Statement").
 * @module
 */

import { FormatError } from './bytes.js';
import { CborMap, decode } from './cbor.js';
import { LABEL, Sign1 } from './cose.js';
import { readReading } from './reading.js';
import { parseReceipt } from './receipt.js';

/** The length in bytes of the largest anchor. */
export const MAX_ANCHOR = 65536;
/** The length in bytes of the largest statement that is read. */
export const MAX_STATEMENT = 64 << 20;

const ANCHOR = -70010;
const EVIDENCE = -70011;
const [ENVELOPE, BLOCKS, ATTESTATIONS] = [1, 2, 3];

/**
 * @typedef {object} Evidence what Fabric signed; each part may be absent
 * @property {Uint8Array | null} envelope of the anchor's transaction
 * @property {Uint8Array[]} blocks
 * @property {Uint8Array[]} attestations
 */

/**
 * @typedef {object} Statement
 * @property {import('./reading.js').Reading} reading
 * @property {import('./receipt.js').Receipt} receipt
 * @property {Uint8Array} anchor its canonical bytes
 * @property {Evidence} evidence
 */

/**
 * @param {Uint8Array} data
 * @returns {Statement}
 * @throws {FormatError}
 */
export function parseStatement(data) {
  if (data.length > MAX_STATEMENT) throw new FormatError(`statement of ${data.length} bytes, at most ${MAX_STATEMENT}`);
  const message = Sign1.parse(data);
  const header = message.unprotected;
  const unknown = header.keys().find((label) => ![LABEL.receipts, ANCHOR, EVIDENCE].includes(label));
  if (unknown !== undefined)
    throw new FormatError(`statement: label ${String(unknown)} does not belong in the unprotected header`);
  const receipts = header.get(LABEL.receipts);
  if (!Array.isArray(receipts) || receipts.length !== 1 || !(receipts[0] instanceof Uint8Array)) {
    throw new FormatError('statement: label 394 is not an array of one receipt');
  }
  const anchor = header.get(ANCHOR);
  if (!(anchor instanceof Uint8Array) || anchor.length === 0 || anchor.length > MAX_ANCHOR) {
    throw new FormatError(`statement: label ${ANCHOR} is not an anchor of 1 to ${MAX_ANCHOR} bytes`);
  }
  return { reading: readReading(message), receipt: parseReceipt(receipts[0]), anchor, evidence: readEvidence(header) };
}

/**
 * @param {CborMap} header
 * @returns {Evidence}
 */
function readEvidence(header) {
  if (!header.has(EVIDENCE)) return { envelope: null, blocks: [], attestations: [] };
  const encoded = header.get(EVIDENCE);
  if (!(encoded instanceof Uint8Array)) throw new FormatError(`statement: label ${EVIDENCE} is not a byte string`);
  const map = decode(encoded);
  if (
    !(map instanceof CborMap) ||
    map.size === 0 ||
    map.keys().some((key) => ![ENVELOPE, BLOCKS, ATTESTATIONS].includes(key))
  ) {
    throw new FormatError('evidence: not a map of envelope (1), blocks (2), attestations (3)');
  }
  const envelope = map.get(ENVELOPE) ?? null;
  if (map.has(ENVELOPE) && !isFilled(envelope)) throw new FormatError('evidence: the envelope is not a byte string');
  return { envelope, blocks: byteStrings(map, BLOCKS), attestations: byteStrings(map, ATTESTATIONS) };
}

/** @param {any} value */
function isFilled(value) {
  return value instanceof Uint8Array && value.length > 0;
}

/**
 * @param {CborMap} map
 * @param {number} key
 * @returns {Uint8Array[]}
 */
function byteStrings(map, key) {
  if (!map.has(key)) return [];
  const list = map.get(key);
  if (!Array.isArray(list) || list.length === 0 || !list.every(isFilled))
    throw new FormatError(`evidence: ${key} is not an array of byte strings`);
  return list;
}
