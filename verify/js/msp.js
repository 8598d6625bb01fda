// SPDX-License-Identifier: Apache-2.0

/**
 * An organisation of a Fabric network (MSP): whose certificates it vouches for, in which role.
 *
 * As in Fabric's own MSP, a certificate is judged one second after it came into force, so that
 * its expiry does not matter, and an authority that issued an intermediate one issues no
 * identities.
 * @module
 */

import { FormatError, concat, equal, fromUtf8 } from './bytes.js';
import { isLowS, signatureFromDer, verifyEcdsa } from './ecdsa.js';
import { Message } from './protobuf.js';
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
    const message = new Message(bytes);
    return new Identity(message.text(1), Certificate.fromPem(fromUtf8(message.bytes(2))));
  }

  /**
   * Verifies a signature as Fabric's MSP does: ECDSA with SHA-256, low-S, in DER.
   * @param {Uint8Array} signature
   * @param {...Uint8Array} message
   * @returns {Promise<boolean>}
   */
  async verify(signature, ...message) {
    try {
      const { curve } = this.certificate;
      const raw = signatureFromDer(signature, curve);
      return isLowS(raw, curve) && (await verifyEcdsa(await this.certificate.key(), 'SHA-256', raw, concat(...message)));
    } catch (error) {
      if (error instanceof FormatError) return false;
      throw error;
    }
  }

  /** @param {Identity} other */
  isSame(other) {
    // Not the whole certificates: the signature in a certificate has two forms.
    return this.mspId === other.mspId && equal(this.certificate.tbs.raw, other.certificate.tbs.raw);
  }
}

/** An organisation with its authorities. */
export class Organisation {
  /**
   * @param {object} parts
   * @param {string} parts.mspId
   * @param {Certificate[]} parts.roots
   * @param {Certificate[]} parts.intermediates
   * @param {string} parts.unit organizational unit of its peers or orderers; "" when it tells no roles apart
   * @param {import('./x509.js').RevocationList[]} parts.revoked
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
    const chain = await this.chain(certificate, certificate.notBefore + 1000);
    if (!chain) return `has a certificate that no pinned authority of ${this.mspId} issued`;
    if (await this.isInner(chain[1])) return `has a certificate of an authority of ${this.mspId} that issues intermediate authorities only`;
    for (let i = 0; i + 1 < chain.length; i++) {
      if (await this.isRevoked(chain[i], chain[i + 1])) return 'has a certificate that is revoked';
    }
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
    return this.refusal(identity);
  }

  /**
   * @param {Certificate} certificate
   * @param {number} at
   * @param {number} [below] intermediate authorities so far
   * @returns {Promise<Certificate[] | null>} from the certificate to a root
   */
  async chain(certificate, at, below = 0) {
    for (const root of this.roots) {
      if (await issued(certificate, root, at, below)) return [certificate, root];
    }
    if (below > this.intermediates.length) return null;
    for (const intermediate of this.intermediates) {
      if (intermediate === certificate || !(await issued(certificate, intermediate, at, below))) continue;
      const rest = await this.chain(intermediate, at, below + 1);
      if (rest) return [certificate, ...rest];
    }
    return null;
  }

  /** @param {Certificate} authority whether it issued one of the intermediate authorities */
  async isInner(authority) {
    if (!this.innerNodes.has(authority)) {
      const all = await Promise.all(this.intermediates.map((i) => i !== authority && issued(i, authority, i.notBefore + 1000, 0)));
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
