// SPDX-License-Identifier: Apache-2.0

/**
 * Certificate revocation lists (RFC 5280 §5). As in Fabric, the date of a revocation does not matter.
 * @module
 */

import { FormatError, toHex } from './bytes.js';
import { readDer } from './der.js';
import { Signed, fromPem, readExtensions, signatureAlgorithm } from './x509.js';

const AUTHORITY_KEY_ID = '2.5.29.35';
const DISTRIBUTION_POINT = '2.5.29.28';

/** A list, and the serial numbers in it. Nothing is verified yet. */
export class RevocationList extends Signed {
  /** @param {Uint8Array} der */
  constructor(der) {
    super(der);
    const fields = this.tbs.children();
    if (fields[0]?.tag === 0x02) fields.shift(); // version
    const [algorithm, issuer, thisUpdate, ...rest] = fields;
    if (!thisUpdate) throw new FormatError('X.509: the revocation list is cut short');
    if (signatureAlgorithm(algorithm) !== this.algorithm) throw new FormatError('X.509: two signature algorithms');
    issuer.expect(0x30);
    thisUpdate.time();
    const list = rest.find((field) => field.tag === 0x30)?.children() ?? [];
    const entries = list.map((entry) => entry.expect(0x30).children());
    entries.forEach(([, date]) => date.time());
    /** Serial numbers in hexadecimal. */
    this.serials = new Set(entries.map(([serial]) => toHex(serial.unsigned())));
    const extensions = readExtensions(
      rest.find((field) => field.tag === 0xa0),
      [DISTRIBUTION_POINT],
    );
    const keyId = readDer(extensions.get(AUTHORITY_KEY_ID) ?? new Uint8Array(0), 0x30)
      .children()[0]
      ?.expect(0x80);
    if (!keyId) throw new FormatError('X.509: the revocation list has no authority key identifier, which Fabric needs');
    this.authorityKeyId = toHex(keyId.content);
  }

  /** @param {string} text PEM */
  static fromPem(text) {
    return new RevocationList(fromPem(text, 'X509 CRL'));
  }

  /**
   * Whether an authority revoked a certificate in this list, by the identifier of its key and its signature.
   * @param {import('./x509.js').Certificate} certificate
   * @param {import('./x509.js').Certificate} issuer
   * @returns {Promise<boolean>}
   */
  async revokes(certificate, issuer) {
    const isOf = this.authorityKeyId === issuer.subjectKeyId;
    return isOf && this.serials.has(certificate.serial) && this.signedBy(issuer);
  }
}
