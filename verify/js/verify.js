// SPDX-License-Identifier: Apache-2.0

/**
 * Verifies an Anchorline statement offline: who signed what, and who vouches for it. WebCrypto
 * is all it needs; it reads no clock, no file and no network.
 * @module
 */

import { checkAttested } from './attested.js';
import { FormatError } from './bytes.js';
import { checkEndorsed } from './endorsed.js';
import { merge, parseEvidence } from './evidence.js';
import { LedgerOrder } from './order.js';
import { checkOrdered } from './ordered.js';
import { Checks } from './report.js';
import { checkAnchor, checkReading, checkReceipt, checkRepudiated } from './signed.js';
import { parseStatement } from './statement.js';
import { parseTrust } from './trust.js';
import { conclude, parseRequirement } from './verdict.js';

/**
 * @typedef {object} Attested what enough organisations attest; null where nothing is
 * @property {import('./record.js').Entry | null} entry
 * @property {import('./record.js').Device | null} device
 * @property {import('./record.js').Stream | null} stream
 * @property {any[]} reports evidence against the stream
 * @property {string[]} by the organisations that attest the entry
 * @property {string[]} acquitting the organisations that attest that no evidence against the batch is there
 * @property {number} fewest how many attest what the fewest do: entry, device or stream
 * @property {{number: number, block?: number, asked: number} | null} asOf the state to which this refers
 */

/**
 * @typedef {object} Context what a verification knows so far
 * @property {Checks} checks
 * @property {string[]} notes
 * @property {import('./trust.js').Trust} trust
 * @property {import('./statement.js').Statement} statement
 * @property {import('./anchor.js').Anchor | null} anchor
 * @property {LedgerOrder} order
 * @property {Attested} attested
 * @property {{block: number, index: number, envelope: Uint8Array, by: string[], configuration: number} | null} ordered
 * @property {string[]} endorsedBy
 * @property {import('./standing.js').Verdict | null} standing of the device's key
 */

/**
 * @typedef {object} Options
 * @property {string} [require] the level that must be reached, such as "attested:2"; unrepudiated if absent
 * @property {Uint8Array[]} [evidence] that was collected beside the statement; it counts as if it were in it
 */

/**
 * Verifies a statement. It never throws: what is wrong is in the report.
 * @param {Uint8Array} statementBytes
 * @param {string | Uint8Array | import('./trust.js').Trust} trust trust.json, or what parseTrust made of it
 * @param {Options} [options]
 * @returns {Promise<import('./verdict.js').Report>}
 */
export async function verify(statementBytes, trust, options = {}) {
  const checks = new Checks();
  try {
    const pinned = typeof trust === 'string' || trust instanceof Uint8Array ? await parseTrust(trust) : trust;
    if (!pinned?.organisations || !pinned.orderers)
      throw new FormatError('the trust is neither the text of a trust.json nor what parseTrust makes of it');
    const requirement = parseRequirement(options.require ?? 'unrepudiated');
    const context = newContext(checks, pinned);
    const beside = (options.evidence ?? []).map(parseEvidence);
    await run(context, statementBytes, beside);
    return conclude(context, requirement);
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return conclude(newContext(new Checks(), null), null, fault);
  }
}

/**
 * @param {Checks} checks
 * @param {any} trust
 * @returns {Context}
 */
function newContext(checks, trust) {
  return {
    checks,
    notes: [],
    trust,
    statement: /** @type {any} */ (null),
    anchor: null,
    order: new LedgerOrder(''),
    attested: { entry: null, device: null, stream: null, reports: [], by: [], acquitting: [], fewest: 0, asOf: null },
    ordered: null,
    endorsedBy: [],
    standing: null,
  };
}

/**
 * @param {Context} context
 * @param {Uint8Array} bytes
 * @param {import('./evidence.js').Evidence[]} beside
 */
async function run(context, bytes, beside) {
  await context.checks.make('statement.format', [], () => {
    if (!(bytes instanceof Uint8Array)) throw new FormatError('the statement is not given as bytes');
    const statement = parseStatement(bytes);
    context.statement = { ...statement, evidence: beside.reduce(merge, statement.evidence) };
    context.order = new LedgerOrder(context.statement.receipt.transaction);
    return `one Transparent Statement (RFC 9943) of ${bytes.length} bytes`;
  });
  if (!context.statement) return;
  await checkAnchor(context);
  await checkAttested(context);
  await checkOrdered(context);
  await checkEndorsed(context);
  await checkReceipt(context);
  await checkReading(context);
  await checkRepudiated(context);
  if (context.order.undecided)
    context.notes.push(
      'whether a change of device or stream came before the anchor was decided by the times that their clients claimed, for the evidence does not give its place',
    );
}

export { parseTrust };
