// SPDX-License-Identifier: Apache-2.0

/**
 * Ed25519 (RFC 8032): which public keys are accepted, and verification.
 *
 * A key is the canonical encoding of a point on edwards25519 whose order is not small. With a
 * point of small order one signature fits many messages, so it would prove nothing.
 * @module
 */

import { FormatError } from './bytes.js';

const P = 2n ** 255n - 19n;

/** @param {bigint} n */
const mod = (n) => ((n % P) + P) % P;

/**
 * @param {bigint} base
 * @param {bigint} exponent
 */
function power(base, exponent) {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) {
    if (e & 1n) result = (result * b) % P;
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));

/**
 * @param {Uint8Array} key 32 bytes
 * @throws {FormatError} unless the key is one with which a signature means something
 */
export function checkEd25519Key(key) {
  if (key.length !== 32) throw new FormatError(`Ed25519 key of ${key.length} bytes, not 32`);
  const littleEndian = key.slice();
  littleEndian[31] &= 0x7f; // the sign of x
  const y = littleEndian.reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
  if (y >= P) throw new FormatError('Ed25519 point is not in canonical form');
  // -x² + y² = 1 + d·x²·y², so x² = u/v.
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  if (power(u * v, (P - 1n) / 2n) === P - 1n) throw new FormatError('Ed25519 point is not on the curve');
  // Orders 1 and 2 have x = 0, order 4 has y = 0; order 8 doubles to y = 0, so y² = -x².
  if (u === 0n || y === 0n || mod(y * y * v + u) === 0n) throw new FormatError('Ed25519 point is of small order');
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 * @returns {Promise<boolean>}
 */
export async function verifyEd25519(key, signature, message) {
  if (signature.length !== 64) return false;
  const algorithm = { name: 'Ed25519' };
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['verify']);
  return crypto.subtle.verify(algorithm, imported, signature, message);
}
