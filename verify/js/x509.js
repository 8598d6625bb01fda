// SPDX-License-Identifier: Apache-2.0

/**
 * X.509 certificates and revocation lists (RFC 5280), as far as Fabric's identities use them:
 * ECDSA on P-256 or P-384 with SHA-256 or SHA-384.
 * @module
 */

import { FormatError, equal, fromBase64, fromUtf8, toHex } from './bytes.js';
import { Der, readDer } from './der.js';
import { importSpki, signatureFromDer, verifyEcdsa } from './ecdsa.js';

const OID = {
  ecPublicKey: '1.2.840.10045.2.1',
  unit: '2.5.4.11',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
};
/** @type {Record<string, import('./ecdsa.js').Curve>} */
const CURVES = { '1.2.840.10045.3.1.7': 'P-256', '1.3.132.0.34': 'P-384' };
/** @type {Record<string, 'SHA-256' | 'SHA-384'>} */
const HASHES = { '1.2.840.10045.4.3.2': 'SHA-256', '1.2.840.10045.4.3.3': 'SHA-384' };
/** Extensions that may be critical: those above, key identifiers, alternative names, extended key usage. */
const UNDERSTOOD = [OID.keyUsage, OID.basicConstraints, '2.5.29.14', '2.5.29.35', '2.5.29.17', '2.5.29.37'];
const KEY_CERT_SIGN = 5;

/**
 * @param {string} text
 * @param {string} label
 * @returns {Uint8Array} the content of the one PEM block that the text consists of
 */
export function fromPem(text, label) {
  const body = new RegExp(`^\\s*-----BEGIN ${label}-----\\s+([A-Za-z0-9+/=\\s]+?)\\s*-----END ${label}-----\\s*$`).exec(text);
  if (!body) throw new FormatError(`not one PEM block of type ${label}`);
  return fromBase64(body[1].replace(/\s+/g, ''));
}

/** @param {Der} sequence an AlgorithmIdentifier */
function signatureHash(sequence) {
  const oid = sequence.expect(0x30).children()[0]?.oid();
  const hash = HASHES[oid ?? ''];
  if (!hash) throw new FormatError(`X.509: signature algorithm ${oid} is not supported; ECDSA with SHA-256 or SHA-384 is`);
  return hash;
}

/** What certificates and revocation lists have in common: something signed by an issuer. */
class Signed {
  /** @param {Uint8Array} der */
  constructor(der) {
    const parts = readDer(der, 0x30).children();
    if (parts.length !== 3) throw new FormatError('X.509: not a signed sequence of three');
    this.raw = der;
    this.tbs = parts[0].expect(0x30);
    this.hash = signatureHash(parts[1]);
    this.signature = parts[2].bits();
  }

  /**
   * @param {Certificate} issuer
   * @returns {Promise<boolean>}
   */
  async signedBy(issuer) {
    try {
      return await verifyEcdsa(await issuer.key(), this.hash, signatureFromDer(this.signature, issuer.curve), this.tbs.raw);
    } catch (error) {
      if (error instanceof FormatError) return false;
      throw error;
    }
  }
}

/** A certificate. Nothing is verified yet. */
export class Certificate extends Signed {
  /** @param {Uint8Array} der */
  constructor(der) {
    super(der);
    const fields = this.tbs.children();
    if (fields[0]?.tag !== 0xa0 || toHex(fields[0].content) !== '020102') throw new FormatError('X.509: not a certificate of version 3');
    const [, serial, algorithm, issuer, validity, subject, spki, ...rest] = fields;
    if (!spki) throw new FormatError('X.509: the certificate is cut short');
    if (signatureHash(algorithm) !== this.hash) throw new FormatError('X.509: two signature algorithms');
    this.serial = toHex(serial.unsigned());
    this.issuer = issuer.expect(0x30).raw;
    this.subject = subject.expect(0x30).raw;
    [this.notBefore, this.notAfter] = validity.expect(0x30).children().map((time) => time.time());
    this.spki = spki.expect(0x30).raw;
    this.curve = curveOf(spki);
    this.units = unitsOf(subject);
    this.isAuthority = false;
    /** @type {number} intermediate authorities that may follow */
    this.pathLength = Infinity;
    this.maySign = true;
    readExtensions(this, rest.find((field) => field.tag === 0xa3));
  }

  /** @param {string} text PEM */
  static fromPem(text) {
    return new Certificate(fromPem(text, 'CERTIFICATE'));
  }

  /** @returns {Promise<CryptoKey>} */
  async key() {
    this.imported ??= importSpki(this.spki, this.curve);
    try {
      return await this.imported;
    } catch {
      throw new FormatError('X.509: the public key is not a point on its curve');
    }
  }
}

/**
 * @param {Der} spki
 * @returns {import('./ecdsa.js').Curve}
 */
function curveOf(spki) {
  const [algorithm] = spki.children();
  const [type, curve] = algorithm.expect(0x30).children();
  const known = type.oid() === OID.ecPublicKey && curve && CURVES[curve.oid()];
  if (!known) throw new FormatError('X.509: the public key is neither on P-256 nor on P-384');
  return known;
}

/**
 * @param {Der} name
 * @returns {string[]} its organizational units
 */
function unitsOf(name) {
  const attributes = name.children().flatMap((set) => set.expect(0x31).children()).map((attribute) => attribute.expect(0x30).children());
  return attributes.filter(([type]) => type.oid() === OID.unit).map(([, value]) => textOf(value));
}

/** @param {Der} value a UTF8String, PrintableString or IA5String */
function textOf(value) {
  if (![0x0c, 0x13, 0x16].includes(value.tag)) throw new FormatError('X.509: organizational unit in an unknown kind of text');
  return fromUtf8(value.content);
}

/**
 * @param {Certificate} certificate
 * @param {Der | undefined} field the explicit tag around the extensions
 */
function readExtensions(certificate, field) {
  const seen = new Set();
  for (const extension of field?.children()[0].expect(0x30).children() ?? []) {
    const parts = extension.expect(0x30).children();
    const oid = parts[0].oid();
    const critical = parts.length === 3 && parts[1].boolean();
    const value = parts[parts.length - 1].expect(0x04).content;
    if (seen.has(oid)) throw new FormatError(`X.509: extension ${oid} comes twice`);
    seen.add(oid);
    if (critical && !UNDERSTOOD.includes(oid)) throw new FormatError(`X.509: critical extension ${oid} is not understood`);
    if (oid === OID.basicConstraints) readBasicConstraints(certificate, value);
    if (oid === OID.keyUsage) certificate.maySign = hasBit(readDer(value, 0x03).content, KEY_CERT_SIGN);
  }
}

/**
 * @param {Certificate} certificate
 * @param {Uint8Array} value
 */
function readBasicConstraints(certificate, value) {
  const parts = readDer(value, 0x30).children();
  certificate.isAuthority = parts[0]?.tag === 0x01 && parts[0].boolean();
  const length = parts.find((part) => part.tag === 0x02);
  if (length) certificate.pathLength = Number(`0x${toHex(length.unsigned()) || '0'}`);
}

/**
 * @param {Uint8Array} bits content of a BIT STRING
 * @param {number} bit
 */
function hasBit(bits, bit) {
  return ((bits[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0;
}

/** A certificate revocation list. */
export class RevocationList extends Signed {
  /** @param {Uint8Array} der */
  constructor(der) {
    super(der);
    const fields = this.tbs.children();
    if (fields[0].tag === 0x02) fields.shift(); // version
    const [algorithm, issuer, thisUpdate, ...rest] = fields;
    if (signatureHash(algorithm) !== this.hash) throw new FormatError('X.509: two signature algorithms');
    this.issuer = issuer.expect(0x30).raw;
    thisUpdate.time();
    const list = rest.find((field) => field.tag === 0x30);
    /** Serial numbers in hexadecimal. */
    this.serials = new Set(list?.children().map((entry) => toHex(entry.expect(0x30).children()[0].unsigned())) ?? []);
  }

  /** @param {string} text PEM */
  static fromPem(text) {
    return new RevocationList(fromPem(text, 'X509 CRL'));
  }

  /**
   * @param {Certificate} certificate
   * @param {Certificate} issuer
   * @returns {Promise<boolean>} whether the issuer revoked the certificate in this list
   */
  async revokes(certificate, issuer) {
    return this.serials.has(certificate.serial) && equal(this.issuer, issuer.subject) && this.signedBy(issuer);
  }
}

/**
 * Whether an authority issued a certificate at a time, by name, rights and signature.
 * @param {Certificate} certificate
 * @param {Certificate} issuer
 * @param {number} at milliseconds since 1970
 * @param {number} below intermediate authorities below the issuer
 * @returns {Promise<boolean>}
 */
export async function issued(certificate, issuer, at, below) {
  const inTime = issuer.notBefore <= at && at <= issuer.notAfter;
  const entitled = issuer.isAuthority && issuer.maySign && below <= issuer.pathLength;
  return inTime && entitled && equal(certificate.issuer, issuer.subject) && certificate.signedBy(issuer);
}
