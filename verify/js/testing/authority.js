// SPDX-License-Identifier: Apache-2.0

/**
 * Certificate authorities and identities for tests, made with WebCrypto.
 * @module
 */

import { fromHex, sha256, toHex, utf8 } from '../bytes.js';
import { encodeDer, encodeUnsigned } from '../der.js';

const ORDERS = {
  'P-256': 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  'P-384': 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
};
const OIDS = { 'SHA-256': '2a8648ce3d040302', 'SHA-384': '2a8648ce3d040303', Ed25519: '2b6570' };
const sequence = (...parts) => encodeDer(0x30, ...parts);
const oid = (hex) => encodeDer(0x06, fromHex(hex));

/** @param {Uint8Array} der @param {string} label */
export function pem(der, label) {
  const base64 = btoa(String.fromCharCode(...der)).replace(/.{64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${base64.trim()}\n-----END ${label}-----\n`;
}

/** @param {'P-256' | 'P-384' | 'Ed25519'} kind */
export async function newPair(kind = 'P-256') {
  const algorithm = kind === 'Ed25519' ? { name: kind } : { name: 'ECDSA', namedCurve: kind };
  const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
  return { kind, ...pair, spki: new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)) };
}

/**
 * Signs as Fabric does: ECDSA low-S in DER, or Ed25519.
 * @param {any} pair
 * @param {Uint8Array} message
 * @param {{hash?: string, highS?: boolean}} [options]
 */
export async function sign(pair, message, { hash = 'SHA-256', highS = false } = {}) {
  const algorithm = pair.kind === 'Ed25519' ? { name: 'Ed25519' } : { name: 'ECDSA', hash };
  const raw = new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, message));
  if (pair.kind === 'Ed25519') return raw;
  const order = ORDERS[pair.kind];
  const number = (bytes) => BigInt(`0x${toHex(bytes)}`);
  const [r, s] = [number(raw.slice(0, raw.length / 2)), number(raw.slice(raw.length / 2))];
  const isHigh = s > order / 2n;
  return sequence(encodeUnsigned(r), encodeUnsigned(isHigh === highS ? s : order - s));
}

function name(commonName, units) {
  const attribute = (type, text) => encodeDer(0x31, sequence(oid(type), encodeDer(0x0c, utf8(text))));
  return sequence(attribute('550403', commonName), ...units.map((unit) => attribute('55040b', unit)));
}

function time(ms) {
  return encodeDer(0x18, utf8(`${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`));
}

export function extension(type, value, critical = false) {
  return sequence(oid(type), ...(critical ? [encodeDer(0x01, Uint8Array.of(0xff))] : []), encodeDer(0x04, value));
}

let serial = 1000n;

/**
 * Issues a certificate.
 * @param {any} options issuer: null for one that signs itself
 */
export async function issue({
  issuer = null,
  commonName = 'node',
  units = [],
  kind = 'P-256',
  authority = false,
  pathLength = undefined,
  from = 1_700_000_000_000,
  until = 2_000_000_000_000,
  uses = undefined,
  more = [],
  hash = undefined,
  pair = undefined,
  keyUsage = undefined,
}) {
  const own = pair ?? (await newPair(kind));
  const signer = issuer?.pair ?? own;
  const algorithm = hash ?? (signer.kind === 'P-384' ? 'SHA-384' : signer.kind === 'Ed25519' ? 'Ed25519' : 'SHA-256');
  const keyId = await sha256(own.spki);
  const basic = sequence(
    ...(authority ? [encodeDer(0x01, Uint8Array.of(0xff))] : []),
    ...(pathLength === undefined ? [] : [encodeUnsigned(BigInt(pathLength))]),
  );
  const extensions = [
    extension(
      '551d0f',
      encodeDer(0x03, keyUsage ?? (authority ? Uint8Array.of(1, 0x06) : Uint8Array.of(7, 0x80))),
      true,
    ),
    extension('551d13', basic, true),
    extension('551d0e', encodeDer(0x04, keyId)),
    ...(uses ? [extension('551d25', sequence(...uses.map(oid)))] : []),
    ...more,
  ];
  const number = serial++;
  const subject = name(commonName, units);
  const tbs = sequence(
    encodeDer(0xa0, encodeUnsigned(2n)),
    encodeUnsigned(number),
    sequence(oid(OIDS[algorithm])),
    issuer?.subject ?? subject,
    sequence(time(from), time(until)),
    subject,
    own.spki,
    encodeDer(0xa3, sequence(...extensions)),
  );
  const signature = await sign(signer, tbs, { hash: algorithm });
  const der = sequence(tbs, sequence(oid(OIDS[algorithm])), encodeDer(0x03, Uint8Array.of(0), signature));
  return { pair: own, keyId, subject, serial: number, der, pem: pem(der, 'CERTIFICATE') };
}

/** @param {any} issuer @param {bigint[]} serials */
export async function revocations(issuer, serials, keyId = issuer.keyId) {
  const entries = serials.map((number) => sequence(encodeUnsigned(number), time(1_700_000_000_000)));
  const tbs = sequence(
    encodeUnsigned(1n),
    sequence(oid(OIDS['SHA-256'])),
    issuer.subject,
    time(1_700_000_000_000),
    time(1_900_000_000_000),
    ...(entries.length ? [sequence(...entries)] : []),
    ...(keyId ? [encodeDer(0xa0, sequence(extension('551d23', sequence(encodeDer(0x80, keyId)))))] : []),
  );
  const der = sequence(
    tbs,
    sequence(oid(OIDS['SHA-256'])),
    encodeDer(0x03, Uint8Array.of(0), await sign(issuer.pair, tbs)),
  );
  return pem(der, 'X509 CRL');
}
