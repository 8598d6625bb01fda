// SPDX-License-Identifier: Apache-2.0

/**
 * A statement: a reading with its receipt, the anchor and the ledger's evidence in one file
 * (RFC 9943; docs/formats.md, "Statement").
 * @module
 */

import { FormatError } from './bytes.js';
import { LABEL, Sign1 } from './cose.js';
import { MAX_EVIDENCE, NO_EVIDENCE, parseEvidence } from './evidence.js';
import { MAX_READING, readReading } from './reading.js';
import { MAX_RECEIPT, parseReceipt } from './receipt.js';

/** The length in bytes of the largest anchor. */
export const MAX_ANCHOR = 65536;
/** The length in bytes of the largest statement that is read. */
export const MAX_STATEMENT = MAX_READING + MAX_RECEIPT + MAX_ANCHOR + MAX_EVIDENCE + 64;

const ANCHOR = -70010;
const EVIDENCE = -70011;

/**
 * @typedef {object} Statement
 * @property {import('./reading.js').Reading} reading
 * @property {import('./receipt.js').Receipt} receipt
 * @property {Uint8Array} anchor its canonical bytes
 * @property {import('./evidence.js').Evidence} evidence
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
  const evidence = header.has(EVIDENCE) ? parseEvidence(header.get(EVIDENCE)) : NO_EVIDENCE;
  return { reading: readReading(message), receipt: parseReceipt(receipts[0]), anchor, evidence };
}
