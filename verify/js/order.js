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

/** Positions of transactions, by their ids. */
export class LedgerOrder {
  /** @param {string} anchor id of the anchor's transaction */
  constructor(anchor) {
    this.anchor = anchor;
    /** @type {Map<string, Position>} */
    this.places = new Map();
    /** @type {Set<string>} */
    this.contradicted = new Set();
    /** @type {Map<string, string>} for each change of a record its last one */
    this.last = new Map();
  }

  /**
   * @param {string} tx
   * @param {Position | undefined} position
   */
  place(tx, position) {
    const known = this.places.get(tx);
    if (!position || this.contradicted.has(tx)) return;
    if (known && (known.block !== position.block || known.index !== position.index)) {
      this.contradicted.add(tx);
      this.places.delete(tx);
    } else {
      this.places.set(tx, position);
    }
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
   * Where a transaction stands, if that is known. Where only a record's last change is, and that is
   * before the anchor, it stands for the record's earlier changes too: they are before it.
   * @param {string} tx
   * @returns {Position | undefined}
   */
  of(tx) {
    const known = this.places.get(tx);
    if (known) return known;
    const last = this.places.get(this.last.get(tx) ?? '');
    const anchor = this.places.get(this.anchor);
    return last && anchor && isBefore(last, anchor) ? last : undefined;
  }
}
