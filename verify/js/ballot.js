// SPDX-License-Identifier: Apache-2.0

/**
 * Which organisations attest what: several attestations may say the same, or not. What peers attest
 * of a record is its value and the place of the transaction that wrote it; two answers are the same
 * only if both are.
 * @module
 */

import { canonical } from './json.js';
import { isBefore } from './order.js';
import { headKey } from './record.js';

/** @typedef {import('./standing.js').Position} Position */
/** @typedef {import('./attested.js').Answer} Answer */
/** @typedef {{number: number, block?: number, asked: number}} State by the stream's newest anchor in it */

/**
 * A value with its place, and the answers that hold it.
 * @template T
 */
export class Candidate {
  /**
   * @param {T} value
   * @param {Position | null} place null for what is no record of the ledger
   */
  constructor(value, place) {
    this.value = value;
    this.place = place;
    /** @type {Answer[]} */
    this.answers = [];
  }

  /** @returns {string[]} the organisations that attest the value */
  get by() {
    return [...new Set(this.answers.flatMap(({ by }) => by))].sort();
  }

  /**
   * The newest state of which enough organisations attest the value: each counts with its newest
   * answer, and of the newest as many as are needed the oldest number, block and time are taken, each
   * by itself. At least one of so many is honest, so that fewer cannot make the value seem newer.
   * @param {number} need
   * @returns {State}
   */
  asOf(need) {
    const newestFirst = this.answers.map((answer) => ({ by: answer.by, state: stateOf(answer) }));
    newestFirst.sort((a, b) => b.state.number - a.state.number);
    const each = this.by.map((mspId) => newestFirst.findIndex(({ by }) => by.includes(mspId))).sort((a, b) => a - b);
    if (each.length === 0) return stateOf(this.answers[0]);
    return each
      .slice(0, Math.max(need, 1))
      .map((i) => newestFirst[i].state)
      .reduce(older);
  }
}

/**
 * @param {Answer} answer
 * @returns {State} the state that it says to be of
 */
function stateOf({ said, asked, reads }) {
  const block = reads.get(headKey(said.head.stream))?.block;
  return { number: said.head.number, ...(block === undefined ? {} : { block }), asked };
}

/**
 * The smaller of each part: what both states are not older than.
 * @param {State} a
 * @param {State} b
 * @returns {State}
 */
export function older(a, b) {
  const block = a.block === undefined || b.block === undefined ? undefined : Math.min(a.block, b.block);
  return {
    number: Math.min(a.number, b.number),
    ...(block === undefined ? {} : { block }),
    asked: Math.min(a.asked, b.asked),
  };
}

/**
 * The latest version of keys that together make a record, of which the first must have been read: the
 * place of the record's last change.
 * @param {Answer} answer
 * @param {string[]} keys
 * @returns {Position | undefined}
 */
function lastRead({ reads }, [first, ...others]) {
  return others
    .map((key) => reads.get(key))
    .reduce((last, place) => (last && place && isBefore(last, place) ? place : last), reads.get(first));
}

/**
 * All values of one kind.
 * @template T
 */
export class Ballot {
  /**
   * @param {...string} keys where the ledger stores the record, first the record itself, then what it is put
   * together with; none for what is no record
   */
  constructor(...keys) {
    this.keys = keys;
    /** @type {Map<string, Candidate<T>>} */
    this.candidates = new Map();
  }

  /**
   * Counts a vote. A record that the peers do not say to have read in the ledger does not count.
   * @param {T} value
   * @param {Answer} answer that holds it
   * @returns {boolean} whether it counts
   */
  add(value, answer) {
    const place = this.keys.length === 0 ? null : lastRead(answer, this.keys);
    if (place === undefined) return false;
    const form = `${place ? `${place.block}/${place.index}` : ''} ${canonical(value)}`;
    const candidate = this.candidates.get(form) ?? new Candidate(value, place);
    candidate.answers.push(answer);
    this.candidates.set(form, candidate);
    return true;
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
   * @param {number} need
   * @returns {string[]}
   */
  others(found, need) {
    const state = found.asOf(need).number;
    const isOlder = (/** @type {Candidate<T>} */ { place }, /** @type {Answer} */ { said }) =>
      said.head.number < state || (place && found.place && isBefore(place, found.place));
    const others = this.all
      .filter((candidate) => candidate !== found)
      .flatMap((candidate) => candidate.answers.filter((answer) => !isOlder(candidate, answer)))
      .flatMap(({ by }) => by);
    return [...new Set(others)].filter((mspId) => !found.by.includes(mspId)).sort();
  }

  /**
   * Among the values that enough organisations attest the one that the latest transaction wrote; where
   * there is none, the winner.
   * @param {number} need
   * @returns {Candidate<T> | null}
   */
  newest(need) {
    const enough = this.all.filter(({ by }) => by.length >= need);
    if (enough.length === 0) return this.winner;
    return best(enough, ({ place: p }, { place: q }) => (p && q ? p.block - q.block || p.index - q.index : 0));
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
