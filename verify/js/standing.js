// SPDX-License-Identifier: Apache-2.0

/**
 * The one judgement of time: what a device's key, the device itself, and a stream's key were
 * worth at a point of the ledger's order.
 *
 * The order of two changes is that of their transactions, block and index, where both positions
 * are known; else it is that of the times that their clients claimed. A device's own clock
 * decides nothing.
 * @module
 */

import { isBefore } from './order.js';
import { nameOf } from './record.js';

/** How long in ledger time a key that authorised its successor still vouches: 24 hours. */
export const GRACE = 24 * 60 * 60 * 1000;

/** @typedef {import('./record.js').Moment} Moment */
/** @typedef {{block: number, index: number}} Position */
/** @typedef {(tx: string) => Position | undefined} Order where a transaction stands, if it is known */
/** @typedef {{by: string, at: Moment, since: number, reason?: string}} Repudiation what an owner later disowned */
/** @typedef {{reason: string, detail: string, repudiated?: Repudiation | null}} Verdict its reason is "ok" when the key vouched */

/**
 * @param {Moment} a
 * @param {Moment} b
 * @param {Order} order
 */
function before(a, b, order) {
  const [p, q] = [order(a.tx), order(b.tx)];
  if (p && q) return isBefore(p, q);
  return a.time < b.time;
}

/** @param {number} ms */
export function clock(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms after 1970` : date.toISOString();
}

/**
 * Judges a device's key at the moment of a transaction, as a rule the anchor's.
 * @param {import('./record.js').Device} device
 * @param {string} keyId
 * @param {Moment} at
 * @param {Order} [order]
 * @returns {Verdict}
 */
export function judgeDevice(device, keyId, at, order = () => undefined) {
  const name = `device ${nameOf(device)}`;
  /** @param {Moment | undefined} change whether it had happened; changes of the same time had */
  const after = (change) => change !== undefined && !before(at, change, order);
  if (!after(device.registered)) {
    return refuse(
      'not-registered',
      `${name} was registered at ${clock(device.registered.time)}, later than ${clock(at.time)}`,
    );
  }
  if (device.revoked && after(device.revoked))
    return refuse('revoked', `${name} was revoked at ${clock(device.revoked.time)}`);
  if (device.transferred && after(device.transferred)) {
    return refuse(
      'transferred',
      `${name} was transferred at ${clock(device.transferred.time)}; it is ${device.transferredTo} since`,
    );
  }
  if ((device.suspensions ?? []).some(({ from, until }) => after(from) && !after(until))) {
    return refuse('suspended', `${name} was suspended by its owner`);
  }
  const verdict = judgeKey(device.keys, keyId, name, at, after);
  if (verdict.reason === 'ok') verdict.repudiated = deviceRepudiated(device, keyId, at.time);
  return verdict;
}

/**
 * Judges a stream's key as the signer of a receipt for an anchor of this moment. A receipt is signed
 * after its anchor is committed, so a key that was put in later may have signed it, and one that had
 * ended by then may not.
 * @param {import('./record.js').Stream} stream
 * @param {string} keyId
 * @param {Moment} at
 * @param {Order} [order]
 * @returns {Verdict}
 */
export function judgeStream(stream, keyId, at, order = () => undefined) {
  const name = `stream ${nameOf(stream)}`;
  /** @param {Moment | undefined} change */
  const after = (change) => change !== undefined && !before(at, change, order);
  if (!after(stream.opened)) {
    return refuse('not-registered', `${name} was opened at ${clock(stream.opened.time)}, later than ${clock(at.time)}`);
  }
  const judged = judgeKey(stream.keys, keyId, name, at, after);
  /** @type {Verdict} */
  const verdict =
    judged.reason === 'key-not-yet' ? { reason: 'ok', detail: `key ${keyId} is a later key of ${name}` } : judged;
  if (verdict.reason === 'ok') verdict.repudiated = keyRepudiated(stream.owner, findKey(stream.keys, keyId), at.time);
  return verdict;
}

/**
 * @param {import('./record.js').Key[]} keys
 * @param {string} id
 */
export function findKey(keys, id) {
  return keys.find((key) => key.id === id);
}

/**
 * @param {import('./record.js').Key[]} keys
 * @param {string} id
 * @param {string} whose
 * @param {Moment} at
 * @param {(change: Moment | undefined) => boolean} after
 * @returns {Verdict}
 */
function judgeKey(keys, id, whose, at, after) {
  const key = findKey(keys, id);
  if (!key) return refuse('unknown-key', `key ${id} is not a key of ${whose}`);
  const { from, until, reason } = key;
  if (until && reason && after(until)) {
    return refuse(
      'key-replaced',
      `key ${id} of ${whose} was replaced at ${clock(until.time)} for this reason: ${reason}`,
    );
  }
  if (until && after(until) && at.time >= until.time + GRACE) {
    return refuse(
      'key-ended',
      `key ${id} of ${whose} ended at ${clock(until.time)}, 24 hours or more before ${clock(at.time)}`,
    );
  }
  if (!after(from)) {
    return refuse(
      'key-not-yet',
      `key ${id} of ${whose} is valid from ${clock(from.time)}, later than ${clock(at.time)}`,
    );
  }
  return { reason: 'ok', detail: `key ${id} was a key of ${whose} at ${clock(at.time)}` };
}

/**
 * @param {import('./record.js').Device} device
 * @param {string} keyId
 * @param {number} at
 * @returns {Repudiation | null}
 */
function deviceRepudiated(device, keyId, at) {
  const { revoked, compromisedSince: since } = device;
  if (revoked && since && at >= Math.max(since, device.registered.time)) {
    return { by: device.owner, at: revoked, since, reason: device.statusReason };
  }
  return keyRepudiated(device.owner, findKey(device.keys, keyId), at);
}

/**
 * @param {string} owner
 * @param {import('./record.js').Key | undefined} key
 * @param {number} at
 * @returns {Repudiation | null}
 */
function keyRepudiated(owner, key, at) {
  const since = key?.compromisedSince;
  if (!key?.until || !since || at < Math.max(since, key.from.time)) return null;
  return { by: owner, at: key.until, since, reason: key.reason };
}

/**
 * @param {string} reason
 * @param {string} detail
 * @returns {Verdict}
 */
function refuse(reason, detail) {
  return { reason, detail };
}
