// SPDX-License-Identifier: Apache-2.0

/**
 * Evidence: what Fabric itself signed about a batch (docs/formats.md, "Evidence").
 * @module
 */

import { FormatError } from './bytes.js';
import { CborMap, decode } from './cbor.js';

/** The length in bytes of the largest evidence, and how many blocks or attestations it may hold. */
export const MAX_EVIDENCE = 16 << 20;
export const MAX_ITEMS = 256;

const [ENVELOPE, BLOCKS, ATTESTATIONS] = [1, 2, 3];

/**
 * @typedef {object} Evidence each part may be absent
 * @property {Uint8Array | null} envelope of the anchor's transaction
 * @property {Uint8Array[]} blocks
 * @property {Uint8Array[]} attestations
 */

/** @type {Evidence} */
export const NO_EVIDENCE = Object.freeze({ envelope: null, blocks: [], attestations: [] });

/**
 * @param {any} encoded a deterministic CBOR map
 * @returns {Evidence}
 * @throws {FormatError}
 */
export function parseEvidence(encoded) {
  if (!isFilled(encoded) || encoded.length > MAX_EVIDENCE)
    throw new FormatError(`evidence: not 1 to ${MAX_EVIDENCE} bytes`);
  const map = decode(encoded);
  const isMap = map instanceof CborMap && map.size > 0;
  if (!isMap || map.keys().some((key) => ![ENVELOPE, BLOCKS, ATTESTATIONS].includes(key))) {
    throw new FormatError('evidence: not a map of envelope (1), blocks (2), attestations (3)');
  }
  if (map.has(ENVELOPE) && !isFilled(map.get(ENVELOPE)))
    throw new FormatError('evidence: the envelope is not a byte string');
  return { envelope: map.get(ENVELOPE) ?? null, blocks: items(map, BLOCKS), attestations: items(map, ATTESTATIONS) };
}

/** @param {any} value */
function isFilled(value) {
  return value instanceof Uint8Array && value.length > 0;
}

/**
 * @param {CborMap} map
 * @param {number} key
 * @returns {Uint8Array[]}
 */
function items(map, key) {
  if (!map.has(key)) return [];
  const list = map.get(key);
  const isList = Array.isArray(list) && list.length > 0 && list.length <= MAX_ITEMS;
  if (!isList || !list.every(isFilled))
    throw new FormatError(`evidence: ${key} is not an array of 1 to ${MAX_ITEMS} byte strings`);
  return list;
}

/**
 * Joins evidence: that of a statement and what was collected beside it, later perhaps.
 * @param {Evidence} first
 * @param {Evidence} second
 * @returns {Evidence}
 */
export function merge(first, second) {
  return {
    envelope: first.envelope ?? second.envelope,
    blocks: [...first.blocks, ...second.blocks],
    attestations: [...first.attestations, ...second.attestations],
  };
}
