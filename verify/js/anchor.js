// SPDX-License-Identifier: Apache-2.0

/**
 * An anchor: a batch as its bridge states it, in canonical JSON. Its hash is over its bytes.
 * @module
 */

import { FormatError } from './bytes.js';
import { parseCanonical } from './json.js';
import * as shape from './shape.js';

/**
 * @typedef {object} Anchor
 * @property {string} stream
 * @property {number} number
 * @property {string} previous
 * @property {string} root
 * @property {number} size
 * @property {{first: number, last: number}} bridgeTime
 * @property {{first: number, last: number}} deviceTime
 * @property {Record<string, number>} counts
 * @property {number} gaps
 * @property {number} quarantined
 */

/** @type {shape.Check} */
function span(value, at) {
  shape.object({ first: shape.number(), last: shape.number() })(value, at);
  if (value.first > value.last) throw new FormatError(`${at}: first is after last`);
}

const form = shape.object({
  type: shape.oneOf('anchor'),
  version: shape.oneOf(1),
  stream: shape.name,
  number: shape.number(1),
  previous: shape.hash,
  root: shape.hash,
  size: shape.number(1),
  bridgeTime: span,
  deviceTime: span,
  counts: shape.object({}, { 'device-signed': shape.number() }),
  gaps: shape.number(),
  quarantined: shape.number(),
});

/** @type {shape.Check} */
export function checkAnchor(value, at) {
  form(value, at);
  const sum = Object.values(value.counts).reduce((a, b) => a + b, 0);
  if (sum !== value.size)
    throw new FormatError(`${at ? `${at}.` : ''}counts: sum to ${sum}, but the size is ${value.size}`);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Anchor}
 * @throws {FormatError}
 */
export function parseAnchor(bytes) {
  const anchor = parseCanonical(bytes);
  checkAnchor(anchor, '');
  return anchor;
}
