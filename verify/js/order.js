// SPDX-License-Identifier: Apache-2.0

/**
 * The ledger's order as far as the evidence tells it: where transactions stand.
 * @module
 */

/** @typedef {import('./standing.js').Position} Position */

/**
 * @param {Position} p
 * @param {Position} q
 */
export function isBefore(p, q) {
  return p.block < q.block || (p.block === q.block && p.index < q.index);
}

/** The place of what is only known to have come after the anchor. */
const AFTERWARDS = { block: Infinity, index: 0 };

/** Positions of transactions, by their ids. */
export class LedgerOrder {
  /** @param {string} anchor id of the anchor's transaction */
  constructor(anchor) {
    this.anchor = anchor;
    /** @type {Map<string, Position>} where transactions took effect, as enough organisations attest */
    this.attested = new Map();
    /**
     * Where signed blocks hold transactions, the earliest place of each. One that is ordered again is in
     * a later block too, where peers find it invalid and no orderer says so: it took effect not later.
     * @type {Map<string, Position>}
     */
    this.held = new Map();
    /** @type {Map<string, string>} for each change of a record its last one */
    this.last = new Map();
    /** @type {Set<string>} the changes without which device, stream and their keys would vouch for nothing */
    this.allowing = new Set();
    /** @type {Set<string>} the changes of which enough organisations attest that they came after the anchor */
    this.followed = new Set();
    /** Whether a time that a client claimed decided, for a place was not known. */
    this.undecided = false;
  }

  /**
   * @param {string} tx
   * @param {Position} position
   */
  attest(tx, position) {
    this.attested.set(tx, position);
  }

  /**
   * @param {string} tx
   * @param {Position} position of it in a block
   */
  hold(tx, position) {
    const known = this.held.get(tx);
    if (!known || isBefore(position, known)) this.held.set(tx, position);
  }

  /**
   * Notes that a change is not later than another one.
   * @param {string} tx
   * @param {string} last
   */
  before(tx, last) {
    this.last.set(tx, last);
  }

  /**
   * Where a transaction stands, if that is known. Of a change whose own place is not attested it may
   * still be known that it is not after the anchor: from a block that holds it, or, because a record's
   * changes follow each other, from the place of the record's last change. What is held only after the
   * anchor allowed nothing before it. And a change that an earlier state with the anchor does not tell
   * came after it.
   * @param {string} tx
   * @returns {Position | undefined}
   */
  of(tx) {
    const known = this.attested.get(tx);
    if (known) return known;
    if (this.followed.has(tx)) return AFTERWARDS;
    const anchor = this.attested.get(this.anchor);
    const held = this.held.get(tx);
    const last = this.attested.get(this.last.get(tx) ?? '');
    /** @type {Position | undefined} */
    let found;
    if (anchor && held && (isBefore(held, anchor) || this.allowing.has(tx))) found = held;
    else if (anchor && last && isBefore(last, anchor)) found = last;
    if (!found) this.undecided = true;
    return found;
  }
}
