// SPDX-License-Identifier: Apache-2.0

/**
 * The shape of a JSON value: which fields an object has, what each may hold. A field that is
 * not named is refused, a field that is missing too unless it is optional. Errors name the field.
 * @module
 */

import { FormatError } from './bytes.js';

/** @typedef {(value: any, at: string) => void} Check throws a FormatError that names `at` */

/**
 * @param {string} at
 * @param {string} what
 */
function fault(at, what) {
  return new FormatError(`${at || 'document'}: ${what}`);
}

/**
 * @param {Record<string, Check>} required
 * @param {Record<string, Check>} [optional]
 * @returns {Check}
 */
export function object(required, optional = {}) {
  return (value, at) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw fault(at, 'must be an object');
    const inner = (/** @type {string} */ name) => (at ? `${at}.${name}` : name);
    for (const name of Object.keys(value)) {
      const check = Object.hasOwn(required, name)
        ? required[name]
        : Object.hasOwn(optional, name)
          ? optional[name]
          : null;
      if (!check) throw fault(inner(name), 'is unknown');
      check(value[name], inner(name));
    }
    const missing = Object.keys(required).find((name) => !(name in value));
    if (missing) throw fault(inner(missing), 'is missing');
  };
}

/**
 * @param {Check} check
 * @param {number} [least]
 * @returns {Check}
 */
export function list(check, least = 0) {
  return (value, at) => {
    if (!Array.isArray(value) || value.length < least) throw fault(at, `must be an array of at least ${least}`);
    value.forEach((element, i) => check(element, `${at}[${i}]`));
  };
}

/**
 * @param {Check} check of every member's value
 * @returns {Check}
 */
export function table(check) {
  return (value, at) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw fault(at, 'must be an object');
    for (const name of Object.keys(value)) check(value[name], `${at}.${name}`);
  };
}

/** @type {Check} */
export const any = () => {};

/** @type {Check} */
export function text(value, at) {
  if (typeof value !== 'string') throw fault(at, 'must be a string');
}

/**
 * @param {number} [least]
 * @returns {Check}
 */
export function number(least = 0) {
  return (value, at) => {
    if (!Number.isSafeInteger(value) || value < least)
      throw fault(at, `must be a whole number within ${least} and 2^53-1`);
  };
}

/**
 * @param {RegExp} pattern
 * @param {string} what
 * @returns {Check}
 */
export function matching(pattern, what) {
  return (value, at) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw fault(at, `must be ${what}`);
  };
}

/**
 * @param {...any} allowed
 * @returns {Check}
 */
export function oneOf(...allowed) {
  return (value, at) => {
    if (!allowed.includes(value)) throw fault(at, `must be ${allowed.map((v) => JSON.stringify(v)).join(' or ')}`);
  };
}

const OWNER = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}';
const ID = '[A-Za-z0-9][A-Za-z0-9._:-]{0,63}';

export const mspId = matching(new RegExp(`^${OWNER}$`), 'an MSP ID');
export const id = matching(new RegExp(`^${ID}$`), 'an id, [A-Za-z0-9][A-Za-z0-9._:-]{0,63}');
/** The name of a device or stream: its owner's MSP ID and its id. */
export const name = matching(new RegExp(`^${OWNER}/${ID}$`), 'a name such as Org1MSP/pump-1');
export const hash = matching(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits');
export const ledger = matching(
  /^[a-z][a-z0-9.-]{0,248}\/[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$/,
  'a ledger, channel/chaincode',
);

/** @param {string} full owner/id */
export function splitName(full) {
  const slash = full.indexOf('/');
  return { owner: full.slice(0, slash), id: full.slice(slash + 1) };
}
