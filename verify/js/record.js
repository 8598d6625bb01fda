// SPDX-License-Identifier: Apache-2.0

/**
 * The records of the ledger that an attestation carries, and the attestation itself. Fields that
 * the judgement rests on are checked; a record may hold more.
 * @module
 */

import { checkAnchor } from './anchor.js';
import { FormatError, sha256, toHex, utf8 } from './bytes.js';
import { canonical, parseCanonical, parseJson } from './json.js';
import * as shape from './shape.js';

/** @typedef {{time: number, tx: string}} Moment a change on the ledger */

/**
 * @typedef {object} Key
 * @property {string} id
 * @property {string} algorithm
 * @property {string} public COSE_Key in base64url
 * @property {Moment} from
 * @property {Moment} [until]
 * @property {string} [reason]
 * @property {number} [compromisedSince]
 */

/**
 * @typedef {object} Device
 * @property {string} id
 * @property {string} owner
 * @property {string} status
 * @property {string} [statusReason]
 * @property {Key[]} keys
 * @property {{from: Moment, until?: Moment}[]} [suspensions]
 * @property {Moment} registered
 * @property {Moment} updated
 * @property {Moment} [revoked]
 * @property {Moment} [transferred]
 * @property {string} [transferredTo]
 * @property {number} [compromisedSince]
 */

/**
 * @typedef {object} Stream
 * @property {string} id
 * @property {string} owner
 * @property {string} bridge
 * @property {Key[]} keys
 * @property {Moment} opened
 * @property {Moment} updated
 */

/** @typedef {{anchor: import('./anchor.js').Anchor, hash: string, txId: string, ledgerTime: number, creator: string}} Entry */

/**
 * @typedef {object} Attestation
 * @property {string} ledger
 * @property {string} nonce
 * @property {Stream} stream
 * @property {{stream: string, number: number, hash: string}} head
 * @property {Entry[]} anchors
 * @property {Device[]} devices
 * @property {any[]} equivocations
 */

/**
 * @param {Record<string, shape.Check>} required
 * @param {Record<string, shape.Check>} [optional]
 * @returns {shape.Check}
 */
function open(required, optional = {}) {
  return (value, at) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw new FormatError(`${at}: must be an object`);
    const known = { ...optional, ...required };
    const present = Object.entries(value).filter(([name]) => Object.hasOwn(known, name));
    shape.object(required, optional)(Object.fromEntries(present), at);
  };
}

const moment = shape.object({ time: shape.number(), tx: shape.text });
const key = open(
  { id: shape.matching(/^[0-9a-f]{16}$/, 'a key id'), algorithm: shape.text, public: shape.text, from: moment },
  { until: moment, reason: shape.text, compromisedSince: shape.number() },
);
const owned = { version: shape.oneOf(1), id: shape.id, owner: shape.mspId, keys: shape.list(key), updated: moment };
const device = open(
  { ...owned, type: shape.oneOf('device'), status: shape.text, registered: moment },
  {
    statusReason: shape.text,
    suspensions: shape.list(open({ from: moment }, { until: moment })),
    revoked: moment,
    transferred: moment,
    transferredTo: shape.name,
    compromisedSince: shape.number(),
  },
);
const stream = open({ ...owned, type: shape.oneOf('stream'), bridge: shape.hash, opened: moment });
const head = open({
  type: shape.oneOf('head'),
  version: shape.oneOf(1),
  stream: shape.name,
  number: shape.number(),
  hash: shape.hash,
});
const entry = open({
  type: shape.oneOf('anchor-entry'),
  version: shape.oneOf(1),
  anchor: checkAnchor,
  hash: shape.hash,
  txId: shape.hash,
  ledgerTime: shape.number(),
  creator: shape.mspId,
});
const attestation = shape.object({
  type: shape.oneOf('attestation'),
  version: shape.oneOf(1),
  ledger: shape.ledger,
  nonce: shape.hash,
  stream,
  head,
  anchors: shape.list(entry),
  devices: shape.list(device),
  equivocations: shape.list(open({ type: shape.oneOf('equivocation'), stream: shape.name, number: shape.number() })),
});
const request = shape.object(
  { stream: shape.name, nonce: shape.hash },
  { from: shape.number(), to: shape.number(), devices: shape.list(shape.name) },
);

/**
 * @param {Uint8Array} bytes an anchor entry as the ledger stores it
 * @returns {Entry}
 */
export function parseEntry(bytes) {
  const value = parseCanonical(bytes);
  entry(value, '');
  return value;
}

/**
 * @param {Uint8Array} bytes the request of an attestation
 * @returns {{stream: string, from: number, to: number, devices: string[], nonce: string}}
 */
export function parseRequest(bytes) {
  const value = parseJson(bytes);
  request(value, 'request');
  return { from: 0, to: 0, devices: [], ...value };
}

/**
 * @param {Uint8Array} bytes the answer
 * @returns {Attestation}
 */
export function parseAttestation(bytes) {
  const value = parseCanonical(bytes);
  attestation(value, '');
  return value;
}

/**
 * Checks that each entry's hash is that of its anchor.
 * @param {Entry[]} entries
 */
export async function checkHashes(entries) {
  for (const { anchor, hash } of entries) {
    if (toHex(await sha256(utf8(canonical(anchor)))) !== hash)
      throw new FormatError(`the entry of batch ${anchor.number} has another hash than its anchor`);
  }
}

/**
 * The moments of all changes that a record tells.
 * @param {any} record a Device or a Stream
 * @returns {Moment[]}
 */
export function changesOf(record) {
  const { registered, opened, updated, transferred, revoked, keys, suspensions = [] } = record;
  const periods = [...keys, ...suspensions].flatMap(({ from, until }) => [from, until]);
  return [registered, opened, updated, transferred, revoked, ...periods].filter(Boolean);
}

/** @param {...string} parts a key as Fabric composes it */
const compositeKey = (...parts) => ['', ...parts, ''].join('\0');

/** @param {string} stream @param {number} number where the ledger stores an anchor */
export const anchorKey = (stream, number) =>
  compositeKey('anchor', ...stream.split('/'), String(number).padStart(16, '0'));
/** @param {string} stream */
export const streamKey = (stream) => compositeKey('stream', ...stream.split('/'));
/** @param {string} stream */
export const headKey = (stream) => compositeKey('head', ...stream.split('/'));
/** @param {string} device */
export const deviceKey = (device) => compositeKey('device', ...device.split('/'));
/** @param {string} device where its owner's stop is, which is put together with the device's record */
export const stopKey = (device) => compositeKey('stop', ...device.split('/'));
/** @param {string} stream where its owner's stop is, which is put together with the stream's record */
export const streamStopKey = (stream) => compositeKey('stream-stop', ...stream.split('/'));

/** @param {Device | Stream} record */
export function nameOf(record) {
  return `${record.owner}/${record.id}`;
}
