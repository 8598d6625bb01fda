// SPDX-License-Identifier: Apache-2.0

/**
 * ECDSA on P-256, P-384 and P-521: signatures in fixed length (r ‖ s) and in DER, the low-S rule.
 * @module
 */

import { FormatError, concat } from './bytes.js';
import { readDer } from './der.js';

/** @typedef {'P-256' | 'P-384' | 'P-521'} Curve */
/** @typedef {'SHA-256' | 'SHA-384' | 'SHA-512'} Hash */

/**
 * Bytes of a coordinate and the order of the group.
 * @type {Record<Curve, {size: number, order: bigint}>}
 */
const CURVES = {
  'P-256': { size: 32, order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n },
  'P-384': {
    size: 48,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  'P-521': {
    size: 66,
    order: BigInt(`0x1${'f'.repeat(65)}a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`),
  },
};

/** @param {Uint8Array} bytes big endian */
function toBigInt(bytes) {
  return bytes.reduce((n, byte) => (n << 8n) | BigInt(byte), 0n);
}

/**
 * @param {Uint8Array} signature r ‖ s
 * @param {Curve} curve
 */
export function isLowS(signature, curve) {
  const { size, order } = CURVES[curve];
  return signature.length === 2 * size && toBigInt(signature.subarray(size)) <= order >> 1n;
}

/**
 * Reads an ECDSA-Sig-Value (RFC 3279 §2.2.3) strictly.
 * @param {Uint8Array} der
 * @param {Curve} curve
 * @returns {Uint8Array} r ‖ s
 */
export function signatureFromDer(der, curve) {
  const parts = readDer(der, 0x30).children();
  if (parts.length !== 2) throw new FormatError('ECDSA signature does not hold two integers');
  const { size } = CURVES[curve];
  return concat(
    ...parts.map((part) => {
      const digits = part.unsigned();
      if (digits.length > size) throw new FormatError('ECDSA signature holds an integer beyond the order');
      return concat(new Uint8Array(size - digits.length), digits);
    }),
  );
}

/**
 * @param {Uint8Array} spki SubjectPublicKeyInfo
 * @param {Curve} curve
 * @returns {Promise<CryptoKey>}
 */
export function importSpki(spki, curve) {
  return crypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: curve }, false, ['verify']);
}

/**
 * @param {Uint8Array} x
 * @param {Uint8Array} y
 * @param {Curve} curve
 * @returns {Promise<CryptoKey>} refuses what is not on the curve
 */
export function importPoint(x, y, curve) {
  const point = concat(Uint8Array.of(4), x, y);
  return crypto.subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: curve }, false, ['verify']);
}

/**
 * @param {CryptoKey} key
 * @param {Hash} hash
 * @param {Uint8Array} signature r ‖ s
 * @param {Uint8Array} message
 * @returns {Promise<boolean>}
 */
export function verifyEcdsa(key, hash, signature, message) {
  return crypto.subtle.verify({ name: 'ECDSA', hash }, key, signature, message);
}
