// SPDX-License-Identifier: Apache-2.0

/**
 * An organisation of a Fabric network (MSP): whose certificates it vouches for, in which role.
 *
 * As in Fabric's own MSP, a certificate is judged one second after it came into force, so that
 * its expiry does not matter, and an authority that issued an intermediate one issues no
 * identities.
 * @module
 */

import { FormatError, concat, fromUtf8, toHex } from './bytes.js';
import { IDENTITY } from './messages.js';
import { decode } from './protobuf.js';
import { Certificate, issued } from './x509.js';

/** What Fabric calls a serialized identity. */
export class Identity {
  /**
   * @param {string} mspId
   * @param {Certificate} certificate
   */
  constructor(mspId, certificate) {
    this.mspId = mspId;
    this.certificate = certificate;
  }

  /**
   * @param {Uint8Array} bytes msp.SerializedIdentity
   * @returns {Identity}
   */
  static parse(bytes) {
    const { mspId, certificate } = decode(bytes, IDENTITY);
    return new Identity(mspId, Certificate.fromPem(fromUtf8(certificate)));
  }

  /**
   * Verifies a signature as Fabric's MSP does: ECDSA with SHA-256 whatever the curve, low-S, in
   * DER; or Ed25519.
   * @param {Uint8Array} signature
   * @param {...Uint8Array} message
   * @returns {Promise<boolean>}
   */
  verify(signature, ...message) {
    const { publicKey } = this.certificate;
    return publicKey.verify(publicKey.curve ? 'SHA-256' : 'Ed25519', signature, concat(...message), { lowS: true });
  }
}

/** Why an identity whose certificate is on a revocation list is no member. */
export const REVOKED = 'has a certificate that is revoked';

/** Names that authorities give to the roles of Fabric's NodeOUs. A node has one role. */
const ROLES = ['client', 'peer', 'admin', 'orderer'];

/** An organisation with its authorities. */
export class Organisation {
  /**
   * @param {object} parts
   * @param {string} parts.mspId
   * @param {Certificate[]} parts.roots
   * @param {Certificate[]} parts.intermediates
   * @param {string} parts.unit organizational unit of its peers or orderers; "" when it tells no roles apart
   * @param {import('./crl.js').RevocationList[]} parts.revoked
   */
  constructor({ mspId, roots, intermediates, unit, revoked }) {
    this.mspId = mspId;
    this.roots = roots;
    this.intermediates = intermediates;
    this.unit = unit;
    this.revoked = revoked;
    /** @type {Map<Certificate, boolean>} */
    this.innerNodes = new Map();
  }

  /**
   * Why an identity is not a member of the organisation, or null when it is one.
   * @param {Identity} identity
   * @returns {Promise<string | null>}
   */
  async refusal(identity) {
    if (identity.mspId !== this.mspId) return `is of ${identity.mspId}, not of ${this.mspId}`;
    const { certificate } = identity;
    if (certificate.isAuthority) return 'is a certificate authority, which is no identity';
    const chains = await this.chains(certificate, certificate.notBefore + 1000);
    if (chains.length !== 1)
      return `has a certificate with ${chains.length} chains to pinned authorities of ${this.mspId}, not 1`;
    const [[, issuer]] = chains;
    if (await this.isInner(issuer))
      return `has a certificate of an authority of ${this.mspId} that issues authorities only`;
    if (await this.isRevoked(certificate, issuer)) return REVOKED;
    return null;
  }

  /**
   * The same for a peer or orderer: its certificate must name the role's unit, if there is one.
   * @param {Identity} identity
   * @returns {Promise<string | null>}
   */
  async nodeRefusal(identity) {
    const { units } = identity.certificate;
    if (this.unit !== '' && !units.includes(this.unit)) return `has no organizational unit "${this.unit}"`;
    const other = ROLES.find((role) => this.unit !== '' && role !== this.unit && units.includes(role));
    if (other) return `has the organizational units "${this.unit}" and "${other}"`;
    return this.refusal(identity);
  }

  /**
   * @param {Certificate} certificate
   * @param {number} at
   * @param {Certificate[]} [above] intermediate authorities so far
   * @returns {Promise<Certificate[][]>} each from the certificate to a root
   */
  async chains(certificate, at, above = []) {
    const found = [];
    for (const root of this.roots) {
      if (await issued(certificate, root, at, above.length)) found.push([certificate, root]);
    }
    for (const intermediate of this.intermediates.filter((i) => i !== certificate && !above.includes(i))) {
      if (!(await issued(certificate, intermediate, at, above.length))) continue;
      const rest = await this.chains(intermediate, at, [...above, intermediate]);
      found.push(...rest.map((chain) => [certificate, ...chain]));
    }
    return found;
  }

  /**
   * Checks that the intermediate authorities stand by themselves, as Fabric asks of an MSP.
   * @throws {FormatError}
   */
  async checkAuthorities() {
    for (const authority of [...this.roots, ...this.intermediates]) {
      if (!authority.isAuthority || authority.subjectKeyId === '')
        throw new FormatError('a certificate is not an authority with a subject key identifier');
      await authority.publicKey.check();
    }
    for (const list of [this.roots, this.intermediates]) {
      if (new Set(list.map(({ tbs }) => toHex(tbs.raw))).size !== list.length)
        throw new FormatError('an authority comes twice');
    }
    for (const intermediate of this.intermediates) {
      const chains = await this.chains(intermediate, intermediate.notBefore + 1000);
      if (chains.length !== 1)
        throw new FormatError(`an intermediate authority has ${chains.length} chains to the roots, not 1`);
      if (await this.isRevoked(intermediate, chains[0][1]))
        throw new FormatError('an intermediate authority is revoked');
    }
  }

  /** @param {Certificate} authority whether it issued one of the intermediate authorities */
  async isInner(authority) {
    if (!this.innerNodes.has(authority)) {
      const all = await Promise.all(
        this.intermediates.map((i) => i !== authority && issued(i, authority, i.notBefore + 1000, 0)),
      );
      this.innerNodes.set(authority, all.some(Boolean));
    }
    return this.innerNodes.get(authority);
  }

  /**
   * @param {Certificate} certificate
   * @param {Certificate} issuer
   */
  async isRevoked(certificate, issuer) {
    for (const list of this.revoked) {
      if (await list.revokes(certificate, issuer)) return true;
    }
    return false;
  }
}
