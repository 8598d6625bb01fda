// SPDX-License-Identifier: Apache-2.0

/**
 * Bytes and their text forms: hexadecimal, base64, base64url, UTF-8; and SHA-256.
 * Every function refuses what has more than one form.
 * @module
 */

/** Input that is not in the form it has to have. The message says what is wrong and where. */
export class FormatError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'FormatError';
  }
}

/** The largest number in any format of ours, 2^53-1. */
export const MAX_NUMBER = Number.MAX_SAFE_INTEGER;

/**
 * @param {...Uint8Array} parts
 * @returns {Uint8Array}
 */
export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
export function equal(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * Orders byte strings bytewise, a prefix first.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 * @returns {number} below, equal to or above 0
 */
export function compare(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

/** @param {Uint8Array} bytes */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {string} text lower-case hexadecimal */
export function fromHex(text) {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new FormatError('not lower-case hexadecimal');
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** @param {string} text base64 with padding, in its one form */
export function fromBase64(text) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw new FormatError('not base64');
  }
  if (btoa(binary) !== text) throw new FormatError('not base64 in its one form');
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

/** @param {string} text base64url without padding, in its one form */
export function fromBase64Url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new FormatError('not base64url without padding');
  const padded = text + '='.repeat((4 - (text.length % 4)) % 4);
  return fromBase64(padded.replaceAll('-', '+').replaceAll('_', '/'));
}

/** @param {string} text */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function fromUtf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormatError('not UTF-8');
  }
}

/**
 * @param {...Uint8Array} parts hashed one after another
 * @returns {Promise<Uint8Array>} 32 bytes
 */
export async function sha256(...parts) {
  const data = parts.length === 1 ? parts[0] : concat(...parts);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data));
}
