// SPDX-License-Identifier: Apache-2.0

/**
 * A reading: what a device signed (docs/formats.md, "Reading").
 * @module
 */

import { FormatError } from './bytes.js';
import { LABEL, Sign1, claimNumber, claimText, readHeader } from './cose.js';
import * as shape from './shape.js';

/** The length in bytes of the largest reading. */
export const MAX_READING = 65536;

const TYPE = 'application/anchorline-reading+cose';
const CLAIM = { iss: 1, sub: 2, seq: -70001, time: -70002 };
const PROFILE = { labels: [LABEL.alg, LABEL.contentType, LABEL.kid, LABEL.claims, LABEL.typ], open: true };

/**
 * @typedef {object} Reading
 * @property {Sign1} message
 * @property {Uint8Array} bytes the reading as the device signed it: the leaf of its batch
 * @property {string} device name of the device
 * @property {string} subject
 * @property {number} sequence
 * @property {number} time the device's clock, milliseconds since 1970
 * @property {string} kid
 * @property {string} algorithm
 * @property {number | string} contentType
 * @property {Uint8Array} payload
 */

/**
 * Reads a message whose unprotected header is left out of account: a statement's is not empty.
 * @param {Sign1} message
 * @returns {Reading}
 * @throws {FormatError}
 */
export function readReading(message) {
  if (message.payload === null) throw new FormatError('reading: the payload is missing');
  const { map, algorithm, kid, claims } = readHeader(message, PROFILE);
  if (map.get(LABEL.typ) !== TYPE) throw new FormatError(`reading: typ is not ${TYPE}`);
  const bytes = message.bare();
  if (bytes.length > MAX_READING) throw new FormatError(`reading of ${bytes.length} bytes, at most ${MAX_READING}`);
  const reading = {
    message,
    bytes,
    device: claimText(claims, CLAIM.iss),
    subject: claimText(claims, CLAIM.sub),
    sequence: claimNumber(claims, CLAIM.seq, 1),
    time: claimNumber(claims, CLAIM.time),
    kid,
    algorithm,
    contentType: contentType(map.get(LABEL.contentType)),
    payload: message.payload,
  };
  shape.name(reading.device, 'reading: iss');
  shape.id(reading.subject, 'reading: sub');
  return reading;
}

/**
 * @param {any} value a CoAP content format or a media type
 * @returns {number | string}
 */
function contentType(value) {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff) return value;
  const media = /^[!-~]([ -~]*[!-~])?$/;
  if (typeof value === 'string' && value.length <= 255 && media.test(value) && /^[^/]+\/.+$/.test(value)) return value;
  throw new FormatError('reading: content type is neither a CoAP content format nor a media type');
}
