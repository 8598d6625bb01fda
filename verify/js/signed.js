// SPDX-License-Identifier: Apache-2.0

/**
 * What device and stream signed, with which keys, and what these were worth: `reading.*`,
 * `receipt.*`, `anchor.*`, `inclusion.path` and `repudiated`.
 * @module
 */

import { parseAnchor } from './anchor.js';
import { FormatError, sha256, toHex } from './bytes.js';
import { PublicKey } from './key.js';
import { rootOf } from './receipt.js';
import { nameOf } from './record.js';
import { Missing } from './report.js';
import { clock, findKey, judgeDevice, judgeStream } from './standing.js';

/** @typedef {import('./verify.js').Context} Context */
/** @typedef {import('./standing.js').Verdict} Verdict */

/**
 * Compares the anchor with the receipt, and the path with the anchor.
 * @param {Context} context
 */
export async function checkAnchor(context) {
  const { checks, statement } = context;
  const { reading, receipt } = statement;
  await checks.make('anchor.hash', ['statement.format'], async () => {
    const hash = toHex(await sha256(statement.anchor));
    if (hash !== receipt.anchor)
      throw new FormatError(`the anchor has hash ${hash}, the receipt names ${receipt.anchor}`);
    context.anchor = parseAnchor(statement.anchor);
    return `the receipt names anchor ${hash}`;
  });
  await checks.make('anchor.content', ['anchor.hash'], () => {
    const { stream, number, size } = /** @type {import('./anchor.js').Anchor} */ (context.anchor);
    if (stream !== receipt.stream || number !== receipt.number) {
      throw new FormatError(
        `the anchor is of batch ${number} of ${stream}, the receipt of batch ${receipt.number} of ${receipt.stream}`,
      );
    }
    return `batch ${number} of ${stream}, ${size} readings`;
  });
  await checks.make('inclusion.path', ['anchor.hash'], async () => {
    const { root, size } = /** @type {import('./anchor.js').Anchor} */ (context.anchor);
    if (size !== receipt.proof.size)
      throw new FormatError(`the anchor is of ${size} readings, the path of ${receipt.proof.size}`);
    const reached = toHex(await rootOf(receipt.proof, reading.bytes));
    if (reached !== root) throw new FormatError(`reading and path lead to root ${reached}, the anchor has ${root}`);
    return `reading ${receipt.proof.index + 1} of ${size} in the batch`;
  });
}

/**
 * The public key that a record holds under an id.
 * @param {import('./record.js').Device | import('./record.js').Stream} record
 * @param {string} kid
 * @returns {Promise<PublicKey>}
 */
async function keyOf(record, kid) {
  const entry = findKey(record.keys, kid);
  if (!entry) throw new FormatError(`key ${kid} was never a key of ${nameOf(record)}`);
  const key = await PublicKey.fromText(entry.public);
  if (key.id !== kid) throw new FormatError(`the key under ${kid} has the thumbprint ${key.id}`);
  return key;
}

/**
 * Checks the stream's signature over the batch.
 * @param {Context} context
 */
export async function checkReceipt(context) {
  const { checks, statement, trust, attested } = context;
  const { reading, receipt } = statement;
  await checks.make('receipt.ledger', ['statement.format'], () => {
    if (receipt.ledger !== trust.ledger)
      throw new FormatError(`the receipt is of ledger ${receipt.ledger}, pinned is ${trust.ledger}`);
    return `the receipt is of ledger ${receipt.ledger}`;
  });
  /** @type {PublicKey} */
  let key;
  await checks.make('receipt.key', ['attested.signatures'], async () => {
    if (!attested.stream)
      throw new Missing(`no attestation holds the record of stream ${receipt.stream} as of this batch or later`);
    key = await keyOf(attested.stream, receipt.kid);
    return `${key.algorithm} key ${receipt.kid} is a key of stream ${receipt.stream}`;
  });
  await checks.make('receipt.signature', ['receipt.key', '?anchor.hash', '?inclusion.path'], async () => {
    const root = await rootOf(receipt.proof, reading.bytes);
    const signed = key.algorithm === receipt.algorithm && (await receipt.message.verify(key, root));
    if (!signed) throw new FormatError(`key ${receipt.kid} did not sign this receipt for this reading`);
    return `stream ${receipt.stream} signed that the reading is in its batch ${receipt.number}`;
  });
  await checks.make('receipt.standing', ['receipt.key', '?attested.anchor'], () => stood(judgeReceipt(context)));
}

/**
 * Checks the device's signature over the reading.
 * @param {Context} context
 */
export async function checkReading(context) {
  const { checks, statement, attested } = context;
  const { reading } = statement;
  /** @type {PublicKey} */
  let key;
  await checks.make('reading.key', ['attested.signatures'], async () => {
    if (!attested.device)
      throw new Missing(`no attestation holds the record of device ${reading.device} as of this batch or later`);
    key = await keyOf(attested.device, reading.kid);
    return `${key.algorithm} key ${reading.kid} is a key of device ${reading.device}`;
  });
  await checks.make('reading.signature', ['reading.key'], async () => {
    const signed = key.algorithm === reading.algorithm && (await reading.message.verify(key));
    if (!signed) throw new FormatError(`key ${reading.kid} did not sign this reading`);
    return `device ${reading.device} signed exactly these ${reading.payload.length} bytes as its reading ${reading.sequence}`;
  });
  await checks.make('reading.standing', ['reading.key', '?attested.anchor'], () => {
    context.standing = judgeReading(context);
    return stood(context.standing);
  });
}

/**
 * The moment of the anchor's transaction, as enough organisations attest it. A transaction does not tell
 * it, for who makes it dates it, and an ordered one need not have taken effect.
 * @param {Context} context
 */
function moment({ checks, statement }) {
  if (!checks.passed('attested.signatures', 'attested.anchor'))
    throw new Missing('not enough organisations attest when the ledger took the batch');
  return { time: statement.receipt.time, tx: statement.receipt.transaction };
}

/** @param {Context} context */
function judgeReading(context) {
  const device = /** @type {import('./record.js').Device} */ (context.attested.device);
  return judgeDevice(device, context.statement.reading.kid, moment(context), (tx) => context.order.of(tx));
}

/** @param {Context} context */
function judgeReceipt(context) {
  const stream = /** @type {import('./record.js').Stream} */ (context.attested.stream);
  return judgeStream(stream, context.statement.receipt.kid, moment(context), (tx) => context.order.of(tx));
}

/** @param {Verdict} verdict */
function stood(verdict) {
  if (verdict.reason !== 'ok') throw new FormatError(`${verdict.reason}: ${verdict.detail}`);
  return verdict.detail;
}

/**
 * Looks for what was said later against the keys or the batch.
 * @param {Context} context
 */
export async function checkRepudiated(context) {
  const { checks, statement, attested } = context;
  const { receipt } = statement;
  await checks.make('repudiated', ['attested.signatures', 'reading.key', 'receipt.key', '?reading.standing', '?receipt.standing'], () => {
    const evidence = attested.reports.find(({ number }) => number === receipt.number);
    if (evidence) {
      throw new FormatError(
        `evidence against batch ${receipt.number} of ${receipt.stream} is on the ledger (${evidence.contradiction}, reported by ${evidence.by})`,
      );
    }
    const disowned = [judgeReading(context), judgeReceipt(context)].map(({ repudiated }) => repudiated).find(Boolean);
    if (disowned) {
      throw new FormatError(
        `valid when anchored; repudiated by ${disowned.by} at ${clock(disowned.at.time)}, since ${clock(disowned.since)}: ${disowned.reason}`,
      );
    }
    if (attested.acquitting.length < context.trust.attestations)
      throw new Missing(
        `peers of ${attested.acquitting.join(', ') || 'no organisation'} attest that there is no evidence against the batch; trust.json asks for ${context.trust.attestations} organisations`,
      );
    return `nobody disowned device, stream or batch as of batch ${attested.asOf?.number} of the stream`;
  });
}
