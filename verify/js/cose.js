// SPDX-License-Identifier: Apache-2.0

/**
 * COSE_Sign1 (RFC 9052): parse one tagged message in its one encoding, read its protected
 * header, verify its signature.
 * @module
 */

import { FormatError, toHex } from './bytes.js';
import { CborMap, Tag, decode, encode } from './cbor.js';
import { ALGORITHMS } from './key.js';

/** Header labels. */
export const LABEL = {
  alg: 1,
  crit: 2,
  contentType: 3,
  kid: 4,
  claims: 15,
  typ: 16,
  receipts: 394,
  vds: 395,
  vdp: 396,
};

const NOTHING = new Uint8Array(0);

/** A parsed message. Nothing is verified yet. */
export class Sign1 {
  /**
   * @param {Uint8Array} protectedBytes
   * @param {CborMap} unprotected
   * @param {Uint8Array | null} payload null when it is detached
   * @param {Uint8Array} signature
   */
  constructor(protectedBytes, unprotected, payload, signature) {
    this.protectedBytes = protectedBytes;
    this.unprotected = unprotected;
    this.payload = payload;
    this.signature = signature;
  }

  /**
   * @param {Uint8Array} data
   * @returns {Sign1}
   */
  static parse(data) {
    const tagged = decode(data);
    if (!(tagged instanceof Tag) || tagged.number !== 18) throw new FormatError('COSE_Sign1: tag 18 is missing');
    const parts = tagged.value;
    if (!Array.isArray(parts) || parts.length !== 4) throw new FormatError('COSE_Sign1: not an array of four');
    const [protectedBytes, unprotected, payload, signature] = parts;
    if (!(protectedBytes instanceof Uint8Array))
      throw new FormatError('COSE_Sign1: protected header is not a byte string');
    if (!(unprotected instanceof CborMap)) throw new FormatError('COSE_Sign1: unprotected header is not a map');
    if (payload !== null && !(payload instanceof Uint8Array))
      throw new FormatError('COSE_Sign1: payload is neither a byte string nor nil');
    if (!(signature instanceof Uint8Array)) throw new FormatError('COSE_Sign1: signature is not a byte string');
    return new Sign1(protectedBytes, unprotected, payload, signature);
  }

  /**
   * @param {{anyOrder?: boolean}} [options] anyOrder: others need not sort the labels
   * @returns {CborMap} the protected header
   */
  header(options) {
    const map = decode(this.protectedBytes, options);
    if (!(map instanceof CborMap)) throw new FormatError('COSE_Sign1: protected header is not a map');
    return map;
  }

  /** @returns {Uint8Array} the message with an empty unprotected header */
  bare() {
    return encode(new Tag(18, [this.protectedBytes, new Map(), this.payload, this.signature]));
  }

  /**
   * What the signature is over (RFC 9052 §4.4).
   * @param {Uint8Array} payload the attached or the detached one
   * @param {Uint8Array} [external]
   */
  toBeSigned(payload, external = NOTHING) {
    return encode(['Signature1', this.protectedBytes, external, payload]);
  }

  /**
   * @param {import('./key.js').PublicKey} key
   * @param {Uint8Array} [detached] the payload, when the message holds none
   * @returns {Promise<boolean>}
   */
  async verify(key, detached) {
    const payload = this.payload ?? detached;
    if (!payload || (this.payload && detached)) return false;
    return key.verify(this.signature, this.toBeSigned(payload));
  }
}

/**
 * @typedef {object} Profile what the protected header of one kind of message holds
 * @property {number[]} labels all of them required; crit may name these only
 * @property {boolean} [open] whether other labels are permitted
 */

/**
 * Reads the protected header of a message of ours: algorithm, key id, CWT claims.
 * @param {Sign1} message
 * @param {Profile} profile
 * @returns {{map: CborMap, algorithm: string, kid: string, claims: CborMap}}
 */
export function readHeader(message, profile) {
  if (message.signature.length !== 64) throw new FormatError(`signature of ${message.signature.length} bytes, not 64`);
  const map = message.header();
  checkLabels(map, profile);
  const algorithm = ALGORITHMS.get(map.get(LABEL.alg));
  if (!algorithm)
    throw new FormatError(`algorithm ${String(map.get(LABEL.alg))} is not supported; EdDSA (-8) and ES256 (-7) are`);
  const kid = map.get(LABEL.kid);
  if (!(kid instanceof Uint8Array) || kid.length !== 8) throw new FormatError('kid is not a byte string of 8 bytes');
  const claims = map.get(LABEL.claims);
  if (!(claims instanceof CborMap)) throw new FormatError('CWT claims are not a map');
  return { map, algorithm, kid: toHex(kid), claims };
}

/**
 * @param {CborMap} map
 * @param {Profile} profile
 */
function checkLabels(map, profile) {
  for (const label of map.keys()) {
    if (typeof label !== 'number' && typeof label !== 'bigint' && typeof label !== 'string')
      throw new FormatError('header label is neither an integer nor text');
    if (!profile.open && !profile.labels.includes(Number(label)))
      throw new FormatError(`header label ${label} does not belong here`);
  }
  const missing = profile.labels.find((label) => !map.has(label));
  if (missing !== undefined) throw new FormatError(`header label ${missing} is missing`);
  if (!map.has(LABEL.crit)) return;
  const critical = map.get(LABEL.crit);
  if (!Array.isArray(critical) || critical.length === 0) throw new FormatError('crit is not an array of labels');
  const unknown = critical.find((label) => !profile.labels.includes(label));
  if (unknown !== undefined) throw new FormatError(`crit names label ${String(unknown)}, which is not understood`);
}

/**
 * @param {CborMap} map
 * @param {number} key
 * @param {number} [least]
 * @returns {number}
 */
export function claimNumber(map, key, least = 0) {
  const value = map.get(key);
  if (!Number.isSafeInteger(value) || value < least)
    throw new FormatError(`claim ${key} is not a number within ${least} and 2^53-1`);
  return value;
}

/**
 * @param {CborMap} map
 * @param {number} key
 * @returns {string}
 */
export function claimText(map, key) {
  const value = map.get(key);
  if (typeof value !== 'string') throw new FormatError(`claim ${key} is not text`);
  return value;
}

/**
 * @param {CborMap} map
 * @param {number} key
 * @returns {Uint8Array} 32 bytes
 */
export function claimHash(map, key) {
  const value = map.get(key);
  if (!(value instanceof Uint8Array) || value.length !== 32)
    throw new FormatError(`claim ${key} is not a byte string of 32 bytes`);
  return value;
}
