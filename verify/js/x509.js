// SPDX-License-Identifier: Apache-2.0

/**
 * X.509 certificates (RFC 5280), as far as Fabric's identities use them:
 * ECDSA on P-256, P-384 or P-521, and Ed25519.
 * @module
 */

import { FormatError, equal, fromBase64, fromUtf8, toHex } from './bytes.js';
import { Der, readDer } from './der.js';
import { importSpki, isLowS, signatureFromDer, verifyEcdsa } from './ecdsa.js';
import { checkEd25519Key, verifyEd25519 } from './ed25519.js';

const OID = {
  ecPublicKey: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  unit: '2.5.4.11',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
};
/** @type {Record<string, import('./ecdsa.js').Curve>} */
const CURVES = { '1.2.840.10045.3.1.7': 'P-256', '1.3.132.0.34': 'P-384', '1.3.132.0.35': 'P-521' };
/** @type {Record<string, import('./ecdsa.js').Hash | 'Ed25519'>} */
const ALGORITHMS = {
  '1.2.840.10045.4.3.2': 'SHA-256',
  '1.2.840.10045.4.3.3': 'SHA-384',
  '1.2.840.10045.4.3.4': 'SHA-512',
  [OID.ed25519]: 'Ed25519',
};
/** Extensions that may be critical: those above, and alternative names. */
const UNDERSTOOD = [...Object.values(OID).filter((oid) => oid.startsWith('2.5.29.')), '2.5.29.17'];
const NAME_CONSTRAINTS = '2.5.29.30';
/** Fabric, as Go does by default, takes a certificate for its use as a server or for any use. */
const SERVER_USES = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];
const KEY_CERT_SIGN = 5;

/**
 * Reads text that is one PEM block and nothing else, in the form that programs write: lines of 64
 * characters. Lines may end in CR LF. Readers of PEM differ in what else they let pass.
 * @param {string} text
 * @param {string} label
 * @returns {Uint8Array} the content of the block
 */
export function fromPem(text, label) {
  const lines = text.replaceAll('\r\n', '\n').replace(/[ \t\r\n]+$/, '').split('\n');
  const [first, last] = [lines.shift(), lines.pop()];
  const short = lines.at(-1)?.length ?? 0;
  const formed = short > 0 && short <= 64 && lines.slice(0, -1).every((line) => line.length === 64);
  if (first !== `-----BEGIN ${label}-----` || last !== `-----END ${label}-----` || !formed)
    throw new FormatError(`not one PEM block of type ${label} in lines of 64 characters`);
  return fromBase64(lines.join(''));
}

/** @param {Der} sequence an AlgorithmIdentifier */
export function signatureAlgorithm(sequence) {
  const oid = sequence.expect(0x30).children()[0]?.oid();
  const algorithm = ALGORITHMS[oid ?? ''];
  if (!algorithm)
    throw new FormatError(`X.509: signature algorithm ${oid} is not supported; ECDSA with SHA-2 and Ed25519 are`);
  return algorithm;
}

/** What certificates and revocation lists have in common: something signed by an issuer. */
export class Signed {
  /** @param {Uint8Array} der */
  constructor(der) {
    const parts = readDer(der, 0x30).children();
    if (parts.length !== 3) throw new FormatError('X.509: not a signed sequence of three');
    this.tbs = parts[0].expect(0x30);
    this.algorithm = signatureAlgorithm(parts[1]);
    this.signature = parts[2].bits();
  }

  /**
   * @param {Certificate} issuer
   * @returns {Promise<boolean>}
   */
  signedBy(issuer) {
    return issuer.publicKey.verify(this.algorithm, this.signature, this.tbs.raw);
  }
}

/** The public key of a certificate. */
class SubjectKey {
  /** @param {Der} spki SubjectPublicKeyInfo */
  constructor(spki) {
    const [algorithm, bits] = spki.expect(0x30).children();
    const [type, curve] = algorithm.expect(0x30).children();
    this.spki = spki.raw;
    /** @type {import('./ecdsa.js').Curve | undefined} */
    this.curve = type.oid() === OID.ecPublicKey && curve ? CURVES[curve.oid()] : undefined;
    this.point = bits.bits();
    if (!this.curve && type.oid() !== OID.ed25519)
      throw new FormatError('X.509: the public key is neither on P-256, P-384 or P-521 nor of Ed25519');
    if (!this.curve) checkEd25519Key(this.point);
    /** @type {Promise<CryptoKey> | null} */
    this.imported = null;
  }

  /** Throws a FormatError unless the key is a point on its curve. */
  async check() {
    if (!this.curve) return; // checked already
    try {
      await importSpki(this.spki, this.curve);
    } catch {
      throw new FormatError(`X.509: the public key is not on ${this.curve}`);
    }
  }

  /**
   * @param {import('./ecdsa.js').Hash | 'Ed25519'} algorithm
   * @param {Uint8Array} signature ECDSA's in DER
   * @param {Uint8Array} message
   * @param {{lowS?: boolean}} [rules] lowS: whether the upper half of S is refused
   * @returns {Promise<boolean>}
   */
  async verify(algorithm, signature, message, { lowS = false } = {}) {
    const { curve } = this;
    if (!curve || algorithm === 'Ed25519')
      return !curve && algorithm === 'Ed25519' && verifyEd25519(this.point, signature, message);
    try {
      const raw = signatureFromDer(signature, curve);
      this.imported ??= importSpki(this.spki, curve);
      return (!lowS || isLowS(raw, curve)) && (await verifyEcdsa(await this.imported, algorithm, raw, message));
    } catch {
      return false; // no signature, or a key that is not on its curve
    }
  }
}

/** A certificate. Nothing is verified yet. */
export class Certificate extends Signed {
  /** @param {Uint8Array} der */
  constructor(der) {
    super(der);
    const fields = this.tbs.children();
    if (fields[0]?.tag !== 0xa0 || toHex(fields[0].content) !== '020102')
      throw new FormatError('X.509: not a certificate of version 3');
    const [, serial, algorithm, issuer, validity, subject, spki, ...rest] = fields;
    if (!spki) throw new FormatError('X.509: the certificate is cut short');
    if (signatureAlgorithm(algorithm) !== this.algorithm) throw new FormatError('X.509: two signature algorithms');
    this.serial = toHex(serial.unsigned());
    this.issuer = issuer.expect(0x30).raw;
    this.subject = subject.expect(0x30).raw;
    const [from, until] = validity
      .expect(0x30)
      .children()
      .map((time) => time.time());
    this.notBefore = from;
    this.notAfter = until;
    this.publicKey = new SubjectKey(spki);
    this.units = unitsOf(subject);
    this.subjectKeyId = '';
    /** Whether its extended key usage, if it has one, admits what Fabric asks for. */
    this.admitted = true;
    this.isAuthority = false;
    /** @type {number} intermediate authorities that may follow */
    this.pathLength = Infinity;
    this.maySign = true;
    const extensions = readExtensions(
      rest.find((field) => field.tag === 0xa3),
      UNDERSTOOD,
    );
    if (extensions.has(NAME_CONSTRAINTS)) throw new FormatError('X.509: name constraints are not supported');
    extensions.forEach((value, oid) => readExtension(this, oid, value));
  }

  /** @param {string} text PEM */
  static fromPem(text) {
    return new Certificate(fromPem(text, 'CERTIFICATE'));
  }
}

/**
 * @param {Der} name
 * @returns {string[]} its organizational units
 */
function unitsOf(name) {
  const attributes = name
    .children()
    .flatMap((set) => set.expect(0x31).children())
    .map((attribute) => attribute.expect(0x30).children());
  return attributes.filter(([type]) => type.oid() === OID.unit).map(([, value]) => textOf(value));
}

/** @param {Der} value a UTF8String, PrintableString or IA5String */
function textOf(value) {
  if (![0x0c, 0x13, 0x16].includes(value.tag))
    throw new FormatError('X.509: organizational unit in an unknown kind of text');
  return fromUtf8(value.content);
}

/**
 * Reads the extensions of a certificate or a revocation list.
 * @param {Der | undefined} field the explicit tag around them
 * @param {string[]} understood those that may be critical
 * @returns {Map<string, Uint8Array>} their values by object identifier
 */
export function readExtensions(field, understood) {
  const found = new Map();
  for (const extension of field?.children()[0].expect(0x30).children() ?? []) {
    const parts = extension.expect(0x30).children();
    const oid = parts[0].oid();
    const critical = parts.length === 3 && parts[1].boolean();
    if (found.has(oid)) throw new FormatError(`X.509: extension ${oid} comes twice`);
    if (critical && !understood.includes(oid))
      throw new FormatError(`X.509: critical extension ${oid} is not supported`);
    found.set(oid, parts[parts.length - 1].expect(0x04).content);
  }
  return found;
}

/**
 * @param {Certificate} certificate
 * @param {string} oid
 * @param {Uint8Array} value
 */
function readExtension(certificate, oid, value) {
  switch (oid) {
    case OID.basicConstraints:
      readBasicConstraints(certificate, value);
      break;
    case OID.keyUsage:
      certificate.maySign = hasBit(readDer(value, 0x03).content, KEY_CERT_SIGN);
      break;
    case OID.extendedKeyUsage:
      certificate.admitted = readDer(value, 0x30)
        .children()
        .some((use) => SERVER_USES.includes(use.oid()));
      break;
    case OID.subjectKeyId:
      certificate.subjectKeyId = toHex(readDer(value, 0x04).content);
      break;
    default:
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
  const entitled =
    issuer.isAuthority && issuer.maySign && issuer.admitted && certificate.admitted && below <= issuer.pathLength;
  return inTime && entitled && equal(certificate.issuer, issuer.subject) && certificate.signedBy(issuer);
}
