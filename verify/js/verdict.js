// SPDX-License-Identifier: Apache-2.0

/**
 * What the checks of a statement amount to: what is reached, for whom, and what is not proven.
 * @module
 */

import { latestFirst } from './attested.js';
import { FormatError } from './bytes.js';
import { LEVELS } from './report.js';
import { clock } from './standing.js';
import { splitName } from './shape.js';

/**
 * @typedef {object} Report
 * @property {boolean} ok no check failed, device and stream signed, and what was required is reached
 * @property {string | null} fault why nothing could be verified: the trust or the options
 * @property {string | null} level the strongest verdict of signed, received, endorsed, ordered, attested
 * @property {Record<string, any>} reached by level: for whom, by whom
 * @property {string | null} required the requirement that was not met
 * @property {import('./report.js').Check[]} checks
 * @property {Record<string, any> | null} statement what it says: names, numbers, owners
 * @property {Record<string, any> | null} clocks the device's, the bridge's and the transaction's
 * @property {string[]} notProven
 */

/** @typedef {{level: string, organisations: number}} Requirement */

/**
 * @param {string} text a level, and how many organisations: "attested:2"
 * @returns {Requirement}
 */
export function parseRequirement(text) {
  const parts = /^([a-z]+)(?::([1-9][0-9]{0,2}))?$/.exec(text);
  if (!parts || !LEVELS.includes(parts[1])) throw new FormatError(`require: ${text}: give one of ${LEVELS.join(', ')}, such as attested:2`);
  return { level: parts[1], organisations: Number(parts[2] ?? 1) };
}

/**
 * @param {import('./verify.js').Context} context
 * @param {Requirement | null} requirement
 * @param {string | null} [fault]
 * @returns {Report}
 */
export function conclude(context, requirement, fault = null) {
  const { checks, statement } = context;
  const reached = checks.failed || fault ? {} : reachedBy(context);
  const level = LEVELS.filter((name) => name !== 'unrepudiated' && name in reached).at(-1) ?? null;
  const required = requirement && unmet(requirement, reached);
  const ok = !fault && !checks.failed && !required && 'signed' in reached && 'received' in reached;
  const list = checks.list();
  return {
    ok, fault, level, reached, required, checks: list,
    statement: statement && summary(context), clocks: statement && clocksOf(context), notProven: notProven(context, reached),
  };
}

/**
 * @param {Requirement} requirement
 * @param {Record<string, any>} reached
 * @returns {string | null}
 */
function unmet({ level, organisations }, reached) {
  if (!(level in reached)) return `${level} is required and not reached`;
  const by = reached[level].by?.length ?? 1;
  return by < organisations ? `${level} by ${organisations} is required, reached by ${by}` : null;
}

/**
 * @param {import('./verify.js').Context} context
 * @returns {Record<string, any>}
 */
function reachedBy(context) {
  const { checks, statement, ordered, endorsers, attestations } = context;
  const { reading, receipt } = statement;
  /** @type {Record<string, any>} */
  const reached = {};
  if (checks.passed('reading.signature')) reached.signed = { by: [reading.device], sequence: reading.sequence };
  if (!checks.passed('inclusion.path')) return reached;
  if (checks.passed('receipt.signature')) reached.received = { by: [receipt.stream], number: receipt.number, index: receipt.proof.index, size: receipt.proof.size };
  if (checks.passed('endorsed.signatures')) reached.endorsed = { by: endorsers, transaction: receipt.transaction };
  if (checks.passed('ordered.signatures', 'endorsed.transaction')) reached.ordered = { by: ordered?.by, block: ordered?.block, index: ordered?.index };
  if (!checks.passed('attested.anchor')) return reached;
  const [latest] = latestFirst(attestations, receipt.stream);
  const asOf = { number: latest.answer.head.number, time: latest.time };
  reached.attested = { by: latest.by, ...asOf };
  if (checks.passed('repudiated')) reached.unrepudiated = { by: latest.by, asOf };
  return reached;
}

/** @param {import('./verify.js').Context} context */
function summary({ checks, statement, attestations }) {
  const { reading, receipt } = statement;
  const attested = checks.passed('attested.signatures') ? attestations : [];
  const equivocations = attested.flatMap(({ answer }) => answer.equivocations).filter(({ stream }) => stream === receipt.stream).length;
  return {
    device: reading.device,
    deviceOwner: splitName(reading.device).owner,
    subject: reading.subject,
    sequence: reading.sequence,
    contentType: reading.contentType,
    stream: receipt.stream,
    streamOwner: splitName(receipt.stream).owner,
    number: receipt.number,
    ledger: receipt.ledger,
    transaction: receipt.transaction,
    equivocations,
  };
}

/** @param {import('./verify.js').Context} context */
function clocksOf({ statement, anchor }) {
  return {
    device: clock(statement.reading.time),
    bridge: anchor && { first: clock(anchor.bridgeTime.first), last: clock(anchor.bridgeTime.last) },
    transaction: clock(statement.receipt.time),
  };
}

/**
 * @param {import('./verify.js').Context} context
 * @param {Record<string, any>} reached
 * @returns {string[]}
 */
function notProven({ checks, trust, ordered }, reached) {
  if (checks.failed) return ['Anything: the statement or its evidence was changed, is of another ledger, or never held.'];
  const sentences = {
    signed: 'That the device signed the reading: no attested record gives its key.',
    received: 'That the stream signed the receipt: no attested record gives its key.',
    endorsed: "That the stream's owner asked for this anchor and peers endorsed it: the statement does not hold the transaction.",
    ordered: 'Where the transaction stands in the order of the ledger: the statement does not hold its block.',
    attested: 'That the ledger holds the anchor: no organisation attests it.',
    unrepudiated: 'That nobody disowned the keys.',
  };
  const open = Object.entries(sentences).filter(([level]) => !(level in reached)).map(([, sentence]) => sentence);
  if (reached.ordered && !reached.attested) open.push('That peers found the transaction valid: orderers do not sign that.');
  if (reached.ordered && ordered && ordered.configuration !== trust.configuration) {
    open.push(`That the pinned orderers were those of the block: it was made under configuration block ${ordered.configuration}, pinned is that of block ${trust.configuration}.`);
  }
  if (reached.unrepudiated) open.push(`What was said about the keys after batch ${reached.unrepudiated.asOf.number} of the stream.`);
  return [...open, 'That the reading is true: a signature says who, not whether the sensor was right.', 'The clocks: each is the word of its owner.'];
}
