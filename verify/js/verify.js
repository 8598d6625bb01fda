// SPDX-License-Identifier: Apache-2.0

/**
 * Verifies an Anchorline statement offline: who signed what, and who vouches for it. WebCrypto
 * is all it needs; it reads no clock, no file and no network.
 * @module
 */

import { parseAnchor } from './anchor.js';
import { checkAttested, checkAttestedAnchor, latestFirst } from './attested.js';
import { FormatError, sha256, toHex } from './bytes.js';
import { checkEndorsed } from './endorsed.js';
import { PublicKey } from './key.js';
import { checkOrdered } from './ordered.js';
import { rootOf } from './receipt.js';
import { nameOf } from './record.js';
import { Checks, Missing } from './report.js';
import { findKey, judgeDevice, judgeStream, clock } from './standing.js';
import { parseStatement } from './statement.js';
import { parseTrust } from './trust.js';
import { conclude, parseRequirement } from './verdict.js';

/**
 * @typedef {object} Context what a verification knows so far
 * @property {Checks} checks
 * @property {import('./trust.js').Trust} trust
 * @property {import('./statement.js').Statement} statement
 * @property {import('./anchor.js').Anchor | null} anchor
 * @property {string} anchorHash
 * @property {import('./block.js').Block[]} blocks
 * @property {{block: number, index: number, envelope: Uint8Array, by: string[], configuration: number} | null} ordered
 * @property {Map<string, {block: number, index: number}>} positions of transactions, from signed blocks
 * @property {string[]} endorsers
 * @property {import('./attested.js').Attested[]} attestations
 * @property {import('./record.js').Moment | null} moment the anchor's transaction
 * @property {import('./record.js').Device | null} device
 * @property {import('./record.js').Stream | null} stream
 * @property {import('./standing.js').Verdict[]} verdicts on the device's key and on the stream's
 */

/** @typedef {{require?: string}} Options require: the level that must be reached, such as "attested:2" */

/**
 * Verifies a statement. It never throws: what is wrong is in the report.
 * @param {Uint8Array} statementBytes
 * @param {string | Uint8Array | import('./trust.js').Trust} trust trust.json, or what parseTrust made of it
 * @param {Options} [options]
 * @returns {Promise<import('./verdict.js').Report>}
 */
export async function verify(statementBytes, trust, options = {}) {
  const checks = new Checks();
  let context = null;
  let fault = null;
  try {
    const pinned = typeof trust === 'string' || trust instanceof Uint8Array ? await parseTrust(trust) : trust;
    const requirement = parseRequirement(options.require ?? `attested:${pinned.attestations}`);
    context = newContext(checks, pinned);
    await run(context, statementBytes);
    return conclude(context, requirement);
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  return conclude(context ?? newContext(checks, null), null, fault);
}

/**
 * @param {Checks} checks
 * @param {any} trust
 * @returns {Context}
 */
function newContext(checks, trust) {
  return {
    checks, trust, statement: /** @type {any} */ (null), anchor: null, anchorHash: '', blocks: [], ordered: null,
    positions: new Map(), endorsers: [], attestations: [], moment: null, device: null, stream: null, verdicts: [],
  };
}

/**
 * @param {Context} context
 * @param {Uint8Array} bytes
 */
async function run(context, bytes) {
  const { checks } = context;
  await checks.make('statement.format', [], () => {
    if (!(bytes instanceof Uint8Array)) throw new FormatError('the statement is not given as bytes');
    context.statement = parseStatement(bytes);
    return `one statement of ${bytes.length} bytes`;
  });
  if (!checks.passed('statement.format')) return;
  context.anchorHash = toHex(await sha256(context.statement.anchor));
  await checks.make('receipt.ledger', [], () => checkLedger(context));
  await checkAttested(context);
  await checkReceipt(context);
  await checkAnchor(context);
  await checkReading(context);
  await checkOrdered(context);
  await checkEndorsed(context);
  await checkAttestedAnchor(context);
  await checkStanding(context);
}

/** @param {Context} context */
function checkLedger({ statement, trust }) {
  const { ledger } = statement.receipt;
  if (ledger !== trust.ledger) throw new FormatError(`the receipt is of ledger ${ledger}, pinned is ${trust.ledger}`);
  return `the receipt is of ledger ${ledger}`;
}

/**
 * The public key that a record holds under an id.
 * @param {import('./record.js').Device | import('./record.js').Stream} record
 * @param {string} kid
 * @param {string} algorithm
 * @returns {Promise<PublicKey>}
 */
async function keyOf(record, kid, algorithm) {
  const entry = findKey(record.keys, kid);
  if (!entry) throw new FormatError(`key ${kid} was never a key of ${nameOf(record)}`);
  const key = await PublicKey.fromText(entry.public);
  if (key.id !== kid) throw new FormatError(`the key under ${kid} has the thumbprint ${key.id}`);
  if (key.algorithm !== algorithm) throw new FormatError(`the message says ${algorithm}, key ${kid} is for ${key.algorithm}`);
  return key;
}

/** @param {Context} context */
async function checkReceipt(context) {
  const { checks, statement } = context;
  const { receipt } = statement;
  /** @type {PublicKey} */
  let key;
  await checks.make('receipt.key', ['attested.signatures'], async () => {
    context.stream = latestFirst(context.attestations, receipt.stream)[0]?.answer.stream ?? null;
    if (!context.stream) throw new Missing(`no attestation is of stream ${receipt.stream}`);
    key = await keyOf(context.stream, receipt.kid, receipt.algorithm);
    return `key ${receipt.kid} is a key of stream ${receipt.stream}`;
  });
  await checks.make('receipt.signature', ['receipt.key'], async () => {
    for (const root of await possibleRoots(context)) {
      if (await receipt.message.verify(key, root)) return `stream ${receipt.stream} signed batch ${receipt.number}`;
    }
    throw new FormatError(`key ${receipt.kid} did not sign this receipt`);
  });
}

/**
 * The roots that a receipt may be signed over: the anchor's, so that a wrong path is told apart
 * from a wrong signature, and the one to which the path leads. inclusion.path compares them.
 * @param {Context} context
 */
async function possibleRoots({ statement, anchorHash }) {
  const { reading, receipt, anchor } = statement;
  const roots = [await rootOf(receipt.proof, reading.bytes)];
  if (anchorHash !== receipt.anchor) return roots;
  try {
    const { root } = parseAnchor(anchor);
    return [...roots, Uint8Array.from(root.match(/../g) ?? [], (byte) => parseInt(byte, 16))];
  } catch {
    return roots;
  }
}

/** @param {Context} context */
async function checkAnchor(context) {
  const { checks, statement } = context;
  const { receipt } = statement;
  await checks.make('anchor.hash', ['?receipt.signature'], () => {
    if (context.anchorHash !== receipt.anchor) throw new FormatError(`the anchor has hash ${context.anchorHash}, the receipt names ${receipt.anchor}`);
    return `the receipt names anchor ${receipt.anchor}`;
  });
  await checks.make('anchor.content', ['anchor.hash'], () => {
    const anchor = parseAnchor(statement.anchor);
    if (anchor.stream !== receipt.stream || anchor.number !== receipt.number) {
      throw new FormatError(`the anchor is of batch ${anchor.number} of ${anchor.stream}, the receipt of batch ${receipt.number} of ${receipt.stream}`);
    }
    if (anchor.size !== receipt.proof.size) throw new FormatError(`the anchor is of ${anchor.size} readings, the receipt of ${receipt.proof.size}`);
    context.anchor = anchor;
    return `batch ${anchor.number} of ${anchor.stream}, ${anchor.size} readings`;
  });
}

/** @param {Context} context */
async function checkReading(context) {
  const { checks, statement, attestations } = context;
  const { reading, receipt } = statement;
  /** @type {PublicKey} */
  let key;
  await checks.make('reading.key', ['attested.signatures'], async () => {
    const devices = latestFirst(attestations, receipt.stream).flatMap(({ answer }) => answer.devices);
    context.device = devices.find((device) => nameOf(device) === reading.device) ?? null;
    if (!context.device) throw new FormatError(`no attestation holds device ${reading.device}`);
    key = await keyOf(context.device, reading.kid, reading.algorithm);
    return `key ${reading.kid} is a key of device ${reading.device}`;
  });
  await checks.make('reading.signature', ['reading.key'], async () => {
    if (!(await reading.message.verify(key))) throw new FormatError(`key ${reading.kid} did not sign this reading`);
    return `device ${reading.device} signed its reading ${reading.sequence}`;
  });
  await checks.make('inclusion.path', ['anchor.content', '?reading.signature'], async () => {
    const root = toHex(await rootOf(receipt.proof, reading.bytes));
    if (root !== context.anchor?.root) throw new FormatError(`the path leads to root ${root}, the anchor has ${context.anchor?.root}`);
    return `reading ${receipt.proof.index + 1} of ${receipt.proof.size} in batch ${receipt.number}`;
  });
}

/** @param {Context} context */
async function checkStanding(context) {
  const { checks, statement, positions, verdicts } = context;
  const order = (/** @type {string} */ tx) => positions.get(tx);
  /** @param {(moment: any) => import('./standing.js').Verdict} judge */
  const judged = (judge) => () => {
    const verdict = judge(context.moment);
    if (verdict.reason !== 'ok') throw new FormatError(`${verdict.reason}: ${verdict.detail}`);
    verdicts.push(verdict);
    return verdict.detail;
  };
  await checks.make('reading.standing', ['reading.key', 'attested.anchor', '?reading.signature'],
    judged((moment) => judgeDevice(/** @type {any} */ (context.device), statement.reading.kid, moment, order)));
  await checks.make('receipt.standing', ['receipt.key', 'attested.anchor', '?receipt.signature'],
    judged((moment) => judgeStream(/** @type {any} */ (context.stream), statement.receipt.kid, moment, order)));
  await checks.make('repudiated', ['reading.standing', 'receipt.standing'], () => {
    const disowned = verdicts.map(({ repudiated }) => repudiated).find(Boolean);
    if (disowned) {
      throw new FormatError(`${disowned.by} said at ${clock(disowned.at.time)} that nothing is to be trusted since ${clock(disowned.since)}${disowned.reason ? `: ${disowned.reason}` : ''}`);
    }
    return 'nobody disowned the keys for this time';
  });
}
