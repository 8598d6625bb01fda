// SPDX-License-Identifier: Apache-2.0

/**
 * Which organisations attest what: several attestations may say the same, or not. Values that
 * have the same canonical form are the same.
 * @module
 */

import { canonical } from './json.js';
import { isBefore } from './order.js';

/** @typedef {import('./standing.js').Position} Position */
/** @typedef {import('./attested.js').Answer} Answer */

/**
 * A value, and the answers that hold it.
 * @template T
 */
export class Candidate {
  /** @param {T} value */
  constructor(value) {
    this.value = value;
    /** @type {Answer[]} */
    this.answers = [];
  }

  /** @returns {string[]} the organisations that attest the value */
  get by() {
    return [...new Set(this.answers.flatMap(({ by }) => by))].sort();
  }

  /**
   * The answer of the newest state of which enough organisations attest the value. Each counts with
   * its newest answer, so that fewer cannot make the value seem newer than it is.
   * @param {number} need
   * @returns {Answer}
   */
  asOf(need) {
    const newestFirst = [...this.answers].sort((a, b) => b.said.head.number - a.said.head.number);
    const each = this.by.map((mspId) => newestFirst.findIndex(({ by }) => by.includes(mspId))).sort((a, b) => a - b);
    return newestFirst[each[Math.min(need, each.length) - 1] ?? 0];
  }

  /**
   * Where the transaction stands that wrote the value under a key of the ledger: the version that
   * peers of enough organisations signed as what they read, when there is one such.
   * @param {string} key
   * @param {number} need
   * @returns {Position | undefined}
   */
  position(key, need) {
    /** @type {Map<string, {read: Position, by: Set<string>}>} */
    const versions = new Map();
    for (const { reads, by } of this.answers) {
      const read = reads.get(key);
      if (!read) continue;
      const id = `${read.block}/${read.index}`;
      const version = versions.get(id) ?? { read, by: new Set() };
      by.forEach((mspId) => version.by.add(mspId));
      versions.set(id, version);
    }
    const enough = [...versions.values()].filter((version) => version.by.size >= need);
    return enough.length === 1 ? enough[0].read : undefined;
  }
}

/**
 * All values of one kind.
 * @template T
 */
export class Ballot {
  constructor() {
    /** @type {Map<string, Candidate<T>>} */
    this.candidates = new Map();
  }

  /**
   * @param {T} value
   * @param {Answer} answer that holds it
   */
  add(value, answer) {
    const form = canonical(value);
    const candidate = this.candidates.get(form) ?? new Candidate(value);
    candidate.answers.push(answer);
    this.candidates.set(form, candidate);
  }

  /** @returns {Candidate<T>[]} */
  get all() {
    return [...this.candidates.values()];
  }

  /** @returns {Candidate<T> | null} what most organisations attest */
  get winner() {
    return best(this.all, (a, b) => a.by.length - b.by.length);
  }

  /**
   * The organisations that attest this value and another one as well.
   * @param {Candidate<T>} found
   * @returns {string[]}
   */
  both(found) {
    const others = this.all.filter((candidate) => candidate !== found).flatMap(({ by }) => by);
    return found.by.filter((mspId) => others.includes(mspId));
  }

  /**
   * The organisations that attest another value, and not as an older one.
   * @param {Candidate<T>} found
   * @param {string} key
   * @param {number} need
   * @returns {string[]}
   */
  others(found, key, need) {
    const place = found.position(key, need);
    const state = found.asOf(need).said.head.number;
    const isOlder = (/** @type {Answer} */ { said, reads }) => {
      const read = reads.get(key);
      return said.head.number < state || (place !== undefined && read !== undefined && isBefore(read, place));
    };
    const answers = this.all.filter((candidate) => candidate !== found).flatMap((candidate) => candidate.answers);
    const others = answers.filter((answer) => !isOlder(answer)).flatMap(({ by }) => by);
    return [...new Set(others)].filter((mspId) => !found.by.includes(mspId)).sort();
  }

  /**
   * The newest among the values that enough organisations attest; where there is none, the winner. A
   * value is newer when a later transaction wrote it, or, where that is not known, when it is
   * attested as of a later batch.
   * @param {number} need
   * @param {string} key where the ledger stores it
   * @returns {Candidate<T> | null}
   */
  newest(need, key) {
    const enough = this.all.filter(({ by }) => by.length >= need);
    return enough.length === 0
      ? this.winner
      : best(enough, (a, b) => {
          const [p, q] = [a.position(key, need), b.position(key, need)];
          const places = p && q ? p.block - q.block || p.index - q.index : 0;
          return places || a.asOf(need).said.head.number - b.asOf(need).said.head.number;
        });
  }
}

/**
 * @template T
 * @param {T[]} list
 * @param {(a: T, b: T) => number} compare
 * @returns {T | null} the first of the greatest
 */
function best(list, compare) {
  return list.reduce(
    (/** @type {T | null} */ found, next) => (found === null || compare(next, found) > 0 ? next : found),
    null,
  );
}
