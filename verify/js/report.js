// SPDX-License-Identifier: Apache-2.0

/**
 * What a verification found: each check by its id, passed, failed or skipped, with a sentence.
 * @module
 */

/** The checks, in the order in which they are reported. */
export const CHECKS = Object.freeze([
  'statement.format',
  'reading.key',
  'reading.signature',
  'reading.standing',
  'receipt.ledger',
  'receipt.key',
  'receipt.signature',
  'receipt.standing',
  'anchor.hash',
  'anchor.content',
  'inclusion.path',
  'endorsed.transaction',
  'endorsed.creator',
  'endorsed.proposal',
  'endorsed.writes',
  'endorsed.signatures',
  'ordered.block',
  'ordered.signatures',
  'attested.transaction',
  'attested.proposal',
  'attested.answer',
  'attested.signatures',
  'attested.anchor',
  'repudiated',
]);

/** The verdicts, from the weakest to the strongest. */
export const LEVELS = Object.freeze(['signed', 'received', 'endorsed', 'ordered', 'attested', 'unrepudiated']);

/** @typedef {'passed' | 'failed' | 'skipped'} Outcome */
/** @typedef {{id: string, outcome: Outcome, detail: string}} Check */

/** Thrown within a check that cannot be made; the message says what is missing. */
export class Missing extends Error {}

/** Collects the outcomes of checks. A check that depends on a failed one is skipped. */
export class Checks {
  constructor() {
    /** @type {Map<string, Check>} */
    this.made = new Map();
  }

  /**
   * @param {string} id
   * @returns {Outcome}
   */
  outcome(id) {
    return this.made.get(id)?.outcome ?? 'skipped';
  }

  /** @param {...string} ids */
  passed(...ids) {
    return ids.every((id) => this.outcome(id) === 'passed');
  }

  get failed() {
    return [...this.made.values()].some(({ outcome }) => outcome === 'failed');
  }

  /**
   * Makes a check. Whatever is thrown fails it, but {@link Missing}, which skips it.
   * @param {string} id
   * @param {string[]} needs checks that have to have passed, or with "?" not to have failed
   * @param {() => Promise<string> | string} make says what passed
   */
  async make(id, needs, make) {
    const open = needs.find((need) => this.blocks(need));
    if (open) {
      const need = open.replace('?', '');
      this.set(
        id,
        'skipped',
        this.outcome(need) === 'failed' ? `${need} failed` : `${need} was not made: ${this.made.get(need)?.detail}`,
      );
      return;
    }
    try {
      this.set(id, 'passed', await make());
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.set(id, error instanceof Missing ? 'skipped' : 'failed', text);
    }
  }

  /** @param {string} need */
  blocks(need) {
    return need.startsWith('?') ? this.outcome(need.slice(1)) === 'failed' : this.outcome(need) !== 'passed';
  }

  /**
   * @param {string} id
   * @param {Outcome} outcome
   * @param {string} detail
   */
  set(id, outcome, detail) {
    this.made.set(id, { id, outcome, detail });
  }

  /** @returns {Check[]} all of them, in their order */
  list() {
    return CHECKS.map((id) => this.made.get(id) ?? { id, outcome: 'skipped', detail: 'not made' });
  }
}
