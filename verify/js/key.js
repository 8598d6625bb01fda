// SPDX-License-Identifier: Apache-2.0

/**
 * Public keys of devices and streams: COSE_Key (RFC 9052 §7) with the required parameters only,
 * Ed25519 or P-256, known by the first 8 bytes of its thumbprint (RFC 9679).
 * @module
 */

import { FormatError, equal, fromBase64Url, sha256, toHex } from './bytes.js';
import { CborMap, decode, encode } from './cbor.js';
import { importPoint, verifyEcdsa } from './ecdsa.js';
import { checkEd25519Key, verifyEd25519 } from './ed25519.js';

/** COSE algorithms by number. */
export const ALGORITHMS = new Map([
  [-8, 'EdDSA'],
  [-7, 'ES256'],
]);

const [KTY, CRV, X, Y] = [1, -1, -2, -3];

/** A public key with which a signature means something. */
export class PublicKey {
  /**
   * @param {'EdDSA' | 'ES256'} algorithm
   * @param {Uint8Array | CryptoKey} point
   */
  constructor(algorithm, point) {
    this.algorithm = algorithm;
    this.point = point;
    this.id = '';
  }

  /**
   * Reads a COSE_Key. Throws FormatError when it is none, or holds more than it must.
   * @param {Uint8Array} encoded
   * @returns {Promise<PublicKey>}
   */
  static async parse(encoded) {
    const map = decode(encoded);
    if (!(map instanceof CborMap)) throw new FormatError('COSE_Key: not a map');
    const key = await fromParameters(map);
    // The key in its required parameters is what the thumbprint of RFC 9679 is over.
    key.id = toHex((await sha256(encoded)).subarray(0, 8));
    return key;
  }

  /** @param {string} text a COSE_Key in base64url */
  static fromText(text) {
    return PublicKey.parse(fromBase64Url(text));
  }

  /** @param {Uint8Array} x an Ed25519 public key */
  static async ed25519(x) {
    return PublicKey.parse(
      encode(
        new Map(
          /** @type {[number, any][]} */ ([
            [KTY, 1],
            [CRV, 6],
            [X, x],
          ]),
        ),
      ),
    );
  }

  /**
   * @param {Uint8Array} signature 64 bytes
   * @param {Uint8Array} message
   * @returns {Promise<boolean>}
   */
  async verify(signature, message) {
    if (signature.length !== 64) return false;
    if (this.point instanceof Uint8Array) return verifyEd25519(this.point, signature, message);
    return verifyEcdsa(this.point, 'SHA-256', signature, message);
  }
}

/** @param {CborMap} map */
async function fromParameters(map) {
  const [type, curve] = [map.get(KTY), map.get(CRV)];
  const x = coordinate(map, X);
  if (type === 1 && curve === 6) {
    exactly(map, [KTY, CRV, X]);
    checkEd25519Key(x);
    return new PublicKey('EdDSA', x);
  }
  if (type === 2 && curve === 1) {
    exactly(map, [KTY, CRV, X, Y]);
    const y = coordinate(map, Y);
    try {
      return new PublicKey('ES256', await importPoint(x, y, 'P-256'));
    } catch {
      throw new FormatError('COSE_Key: not a point on P-256');
    }
  }
  throw new FormatError(`COSE_Key: key type ${type} with curve ${curve} is not supported`);
}

/**
 * @param {CborMap} map
 * @param {number} label
 */
function coordinate(map, label) {
  const value = map.get(label);
  if (!(value instanceof Uint8Array) || value.length !== 32) {
    throw new FormatError(`COSE_Key: label ${label} is not a byte string of 32 bytes`);
  }
  return value;
}

/**
 * @param {CborMap} map
 * @param {number[]} labels
 */
function exactly(map, labels) {
  const wanted = encode(new Map(labels.map((label) => [label, map.get(label)])));
  if (!equal(wanted, map.raw)) throw new FormatError('COSE_Key: holds more than the required parameters');
}
