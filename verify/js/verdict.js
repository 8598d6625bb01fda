// SPDX-License-Identifier: Apache-2.0

/**
 * What the checks of a statement amount to: what is reached, for whom, and what is not proven.
 * @module
 */

import { FormatError } from './bytes.js';
import { LEVELS } from './report.js';
import { clock } from './standing.js';
import { splitName } from './shape.js';

/** @typedef {import('./verify.js').Context} Context */

/**
 * @typedef {object} Report the names are those of the Go verifier's report
 * @property {boolean} ok no check failed, and everything that was required is reached
 * @property {string} [fault] why nothing could be verified: the trust or the options
 * @property {string[]} reached levels, lowest first
 * @property {string[]} missing what was required and not reached
 * @property {import('./report.js').Check[]} checks
 * @property {string} [device] name of the device: its owner and id
 * @property {number} [sequence]
 * @property {string} [key] id of the device's key
 * @property {string} [stream] name of the stream: its owner and id
 * @property {number} [number] of the batch
 * @property {number} [index] of the reading in the batch, from 0
 * @property {number} [size] of the batch
 * @property {string} [ledger]
 * @property {string} [tx] id of the anchor's transaction
 * @property {{device: number, bridge: {first: number, last: number} | null, ledger: number}} [clocks] each its owner's word, milliseconds since 1970
 * @property {string[]} endorsedBy organisations
 * @property {string[]} orderedBy orderers
 * @property {string[]} attestedBy organisations
 * @property {import('./standing.js').Position} [position] of the anchor's transaction
 * @property {{number: number, block?: number, asked: number}} [asOf] the state that is attested
 * @property {import('./standing.js').Verdict} [standing] of the device's key
 * @property {string[]} proven
 * @property {string[]} notProven
 * @property {string[]} notes
 */

/** @typedef {{level: string, organisations: number}} Requirement */

/**
 * @param {string} text a level, and how many organisations: "attested:2"
 * @returns {Requirement}
 */
export function parseRequirement(text) {
  const parts = /^([a-z]+)(?::([1-9][0-9]{0,2}))?$/.exec(text);
  if (!parts || !LEVELS.includes(parts[1]))
    throw new FormatError(`require: ${text}: give one of ${LEVELS.join(', ')}, such as attested:2`);
  const [, level, count] = parts;
  if (count && !['endorsed', 'attested', 'unrepudiated'].includes(level))
    throw new FormatError(`require: ${level} takes no number of organisations`);
  return { level, organisations: Number(count ?? 0) };
}

/**
 * @param {Context} context
 * @param {Requirement | null} requirement
 * @param {string} [fault]
 * @returns {Report}
 */
export function conclude(context, requirement, fault) {
  const { checks, attested, ordered, endorsedBy, notes } = context;
  const reached = fault === undefined ? climb(checks) : [];
  const missing = requirement ? lacking(requirement, reached, context) : [];
  const position = ordered ?? (context.statement ? context.order.attested.get(context.statement.receipt.transaction) : undefined);
  return {
    ok: fault === undefined && !checks.failed && missing.length === 0,
    ...(fault === undefined ? {} : { fault }),
    reached,
    missing,
    checks: checks.list(),
    ...(context.statement ? claims(context) : {}),
    endorsedBy,
    orderedBy: ordered?.by ?? [],
    attestedBy: attested.by,
    ...(position ? { position: { block: position.block, index: position.index } } : {}),
    ...(attested.asOf ? { asOf: attested.asOf } : {}),
    ...(context.standing ? { standing: context.standing } : {}),
    proven: context.statement ? proven(context, reached) : [],
    notProven: notProven(context, reached),
    notes,
  };
}

/**
 * @param {import('./report.js').Checks} checks
 * @returns {string[]}
 */
function climb(checks) {
  const included = checks.passed('anchor.hash', 'anchor.content', 'inclusion.path');
  const byReceipt = checks.passed('receipt.key', 'receipt.signature', 'receipt.standing', 'receipt.ledger');
  const byTransaction = checks.passed(
    'endorsed.transaction',
    'endorsed.creator',
    'endorsed.proposal',
    'endorsed.writes',
  );
  const attested =
    included &&
    checks.passed(
      'attested.transaction',
      'attested.proposal',
      'attested.answer',
      'attested.signatures',
      'attested.anchor',
    );
  /** @type {Record<string, boolean>} */
  const rungs = {
    signed: checks.passed('reading.key', 'reading.signature', 'reading.standing'),
    received: included && (byReceipt || byTransaction),
    endorsed: included && byTransaction && checks.passed('endorsed.signatures'),
    ordered: included && byTransaction && checks.passed('ordered.block', 'ordered.signatures'),
    attested,
    unrepudiated: attested && checks.passed('repudiated'),
  };
  return LEVELS.filter((level) => rungs[level]);
}

/**
 * @param {Requirement} requirement
 * @param {string[]} reached
 * @param {Context} context
 * @returns {string[]}
 */
function lacking({ level, organisations }, reached, { attested, endorsedBy }) {
  const asked = LEVELS.slice(0, LEVELS.indexOf(level) + 1).filter((l) => ['signed', 'received', level].includes(l));
  const missing = asked.filter((l) => !reached.includes(l));
  const vouchers = {
    endorsed: endorsedBy.length,
    unrepudiated: Math.min(attested.fewest, attested.acquitting.length),
  };
  const by = vouchers[level] ?? attested.fewest;
  if (organisations > by) missing.push(`${level} by ${organisations} organisations; ${by} did`);
  return missing;
}

/**
 * What the statement says of itself: claims until their levels are reached.
 * @param {Context} context
 */
function claims({ statement, anchor }) {
  const { reading, receipt } = statement;
  return {
    device: reading.device,
    sequence: reading.sequence,
    key: reading.kid,
    stream: receipt.stream,
    number: receipt.number,
    index: receipt.proof.index,
    size: receipt.proof.size,
    ledger: receipt.ledger,
    tx: receipt.transaction,
    clocks: { device: reading.time, bridge: anchor && { ...anchor.bridgeTime }, ledger: receipt.time },
  };
}

/**
 * @param {Context} context
 * @param {string[]} reached
 * @returns {string[]}
 */
function proven({ statement, endorsedBy, ordered, attested }, reached) {
  const { reading, receipt } = statement;
  /** @type {Record<string, string>} */
  const sentences = {
    signed: `The device ${reading.device}, owned by ${splitName(reading.device).owner}, signed exactly these ${reading.payload.length} bytes as its reading ${reading.sequence}.`,
    received: `Stream ${receipt.stream}, owned by ${splitName(receipt.stream).owner}, received them: they are reading ${receipt.proof.index + 1} of ${receipt.proof.size} in its batch ${receipt.number}.`,
    endorsed: `Peers of ${endorsedBy.join(', ')} endorsed the anchor of that batch.`,
    ordered: `The ordering service (${ordered?.by.join(', ')}) put it into block ${ordered?.block}.`,
    attested: `Peers of ${attested.by.join(', ')} signed that the state of ledger ${receipt.ledger} holds the anchor.`,
    unrepudiated: `As of ${describeState(attested.asOf)}, nobody has disowned the device's key, the stream's key or the batch.`,
  };
  return reached.map((level) => sentences[level]);
}

/**
 * @param {Context} context
 * @param {string[]} reached
 * @returns {string[]}
 */
function notProven({ statement, anchor, trust, ordered, attested }, reached) {
  const sentences = {
    signed: 'That the device signed these bytes.',
    received: 'That the stream received them.',
    endorsed: 'That any organisation endorsed the anchor: its transaction is not there or does not verify.',
    ordered: 'That the ordering service took the anchor: no block is there or it does not verify.',
    attested: "That the ledger holds the anchor: organisations' attestations are not there, too few, or do not verify.",
    unrepudiated: 'That nobody disowned it later.',
  };
  const open = Object.entries(sentences)
    .filter(([level]) => !reached.includes(level))
    .map(([, sentence]) => sentence);
  open.push('That the reading is true: a signature says who, not whether the sensor was right.');
  if (reached.includes('ordered') && !reached.includes('attested'))
    open.push('That peers found the transaction valid: orderers do not sign that.');
  if (ordered && reached.includes('ordered') && ordered.configuration !== trust.configuration) {
    open.push(
      `That the pinned orderers are those of the block: it was made under configuration block ${ordered.configuration}, pinned is that of block ${trust.configuration}.`,
    );
  }
  if (!statement) return open;
  const bridge = anchor ? `${clock(anchor.bridgeTime.first)} to ${clock(anchor.bridgeTime.last)}` : 'nothing';
  open.push(
    `The time of day: each clock is its owner's word. The device says ${clock(statement.reading.time)}, the bridge ${bridge}, the transaction ${clock(statement.receipt.time)}.`,
  );
  if (attested.asOf)
    open.push(`When the attestations were asked for: who asked dates that ${clock(attested.asOf.asked)}.`);
  return open;
}

/** @param {import('./ballot.js').State | null} state */
function describeState(state) {
  if (!state) return 'no state';
  const batch = `batch ${state.number} of the stream`;
  return state.block === undefined ? batch : `block ${state.block} (${batch})`;
}
