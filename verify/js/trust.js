// SPDX-License-Identifier: Apache-2.0

/**
 * What an auditor pins (trust.json): the authorities of the organisations and of the orderers,
 * and how many must vouch. Nothing else is trusted.
 * @module
 */

import { FormatError, utf8 } from './bytes.js';
import { parseJson } from './json.js';
import { Identity, Organisation } from './msp.js';
import * as shape from './shape.js';
import { Certificate, RevocationList } from './x509.js';

/**
 * @typedef {object} Orderers
 * @property {'etcdraft' | 'BFT'} consensus
 * @property {number} signatures how many orderers must sign a block
 * @property {Organisation[]} organisations
 * @property {{id: number, identity: Identity}[]} consenters
 */

/**
 * @typedef {object} Trust
 * @property {string} ledger channel/chaincode
 * @property {number} configuration number of the block that holds the channel's configuration
 * @property {Organisation[]} organisations
 * @property {Orderers} orderers
 * @property {number} attestations how many organisations must attest
 */

const authorities = {
  mspId: shape.mspId,
  roots: shape.list(shape.text, 1),
};
const furtherAuthorities = { intermediates: shape.list(shape.text), revoked: shape.list(shape.text) };

const form = shape.object({
  type: shape.oneOf('trust'),
  version: shape.oneOf(1),
  ledger: shape.ledger,
  configuration: shape.object({ block: shape.number() }),
  organisations: shape.list(shape.object({ ...authorities, peerUnit: shape.text }, furtherAuthorities), 1),
  orderers: shape.object({
    consensus: shape.oneOf('etcdraft', 'BFT'),
    signatures: shape.number(1),
    organisations: shape.list(shape.object({ ...authorities, ordererUnit: shape.text }, furtherAuthorities), 1),
  }, {
    consenters: shape.list(shape.object({ id: shape.number(), mspId: shape.mspId, certificate: shape.text })),
  }),
  attestations: shape.number(1),
});

/**
 * @param {string | Uint8Array} text of trust.json
 * @returns {Trust}
 * @throws {FormatError}
 */
export function parseTrust(text) {
  const value = parseJson(typeof text === 'string' ? utf8(text) : text);
  form(value, '');
  const organisations = value.organisations.map((o) => organisation(o, o.peerUnit, 'organisations'));
  unique(organisations.map(({ mspId }) => mspId), 'organisations');
  return {
    ledger: value.ledger,
    configuration: value.configuration.block,
    organisations,
    orderers: orderers(value.orderers),
    attestations: value.attestations,
  };
}

/**
 * @param {any} value
 * @returns {Orderers}
 */
function orderers(value) {
  const consenters = (value.consenters ?? []).map((consenter) => ({
    id: consenter.id,
    identity: new Identity(consenter.mspId, inside('orderers.consenters', () => Certificate.fromPem(consenter.certificate))),
  }));
  const organisations = value.organisations.map((o) => organisation(o, o.ordererUnit, 'orderers.organisations'));
  unique(organisations.map(({ mspId }) => mspId), 'orderers.organisations');
  if (value.consensus === 'BFT') {
    unique(consenters.map(({ id }) => id), 'orderers.consenters');
    const least = quorum(consenters.length);
    if (value.signatures < least) {
      throw new FormatError(`orderers.signatures: must be at least ${least}, the quorum of ${consenters.length} consenters`);
    }
  }
  return { consensus: value.consensus, signatures: value.signatures, organisations, consenters };
}

/**
 * How many of n consenters must sign, so that two quorums share an honest one.
 * @param {number} n
 */
export function quorum(n) {
  const faulty = Math.floor((n - 1) / 3);
  return Math.ceil((n + faulty + 1) / 2);
}

/**
 * @param {any} value
 * @param {string} unit
 * @param {string} at
 */
function organisation(value, unit, at) {
  const certificates = (list) => list.map((pem) => Certificate.fromPem(pem));
  return inside(`${at}: ${value.mspId}`, () => new Organisation({
    mspId: value.mspId,
    roots: certificates(value.roots),
    intermediates: certificates(value.intermediates ?? []),
    unit,
    revoked: (value.revoked ?? []).map((pem) => RevocationList.fromPem(pem)),
  }));
}

/**
 * @template T
 * @param {string} at
 * @param {() => T} build
 * @returns {T}
 */
function inside(at, build) {
  try {
    return build();
  } catch (error) {
    throw new FormatError(`${at}: ${error.message}`);
  }
}

/**
 * @param {any[]} values
 * @param {string} at
 */
function unique(values, at) {
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) throw new FormatError(`${at}: ${twice} comes twice`);
}
