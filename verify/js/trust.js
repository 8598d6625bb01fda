// SPDX-License-Identifier: Apache-2.0

/**
 * What an auditor pins (trust.json): the authorities of the organisations and of the orderers,
 * and how many must vouch. Nothing else is trusted.
 * @module
 */

import { FormatError, toHex, utf8 } from './bytes.js';
import { parseJson } from './json.js';
import { RevocationList } from './crl.js';
import { Identity, Organisation, REVOKED } from './msp.js';
import * as shape from './shape.js';
import { Certificate } from './x509.js';

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
  orderers: shape.object(
    {
      consensus: shape.oneOf('etcdraft', 'BFT'),
      signatures: shape.number(1),
      organisations: shape.list(shape.object({ ...authorities, ordererUnit: shape.text }, furtherAuthorities), 1),
    },
    {
      consenters: shape.list(shape.object({ id: shape.number(), mspId: shape.mspId, certificate: shape.text })),
    },
  ),
  attestations: shape.number(1),
});

/**
 * @param {string | Uint8Array} text of trust.json
 * @returns {Promise<Trust>}
 * @throws {FormatError}
 */
export async function parseTrust(text) {
  const value = parseJson(typeof text === 'string' ? utf8(text) : text);
  form(value, '');
  const organisations = await organisationsOf(value.organisations, 'peerUnit', 'organisations');
  if (value.attestations > organisations.length)
    throw new FormatError(`attestations: only ${organisations.length} organisations can attest`);
  return {
    ledger: value.ledger,
    configuration: value.configuration.block,
    organisations,
    orderers: await orderersOf(value.orderers),
    attestations: value.attestations,
  };
}

/**
 * @param {any} value
 * @returns {Promise<Orderers>}
 */
async function orderersOf(value) {
  const { consensus, signatures } = value;
  const organisations = await organisationsOf(value.organisations, 'ordererUnit', 'orderers.organisations');
  const consenters = (value.consenters ?? []).map((/** @type {any} */ consenter, /** @type {number} */ i) => ({
    id: consenter.id,
    identity: new Identity(
      consenter.mspId,
      inside(`orderers.consenters[${i}]`, () => Certificate.fromPem(consenter.certificate)),
    ),
  }));
  if (consensus === 'BFT') await checkConsenters(consenters, organisations);
  else if (consenters.length > 0)
    throw new FormatError('orderers.consenters: Raft orderers are known by their authorities, not by name');
  const needed = consensus === 'BFT' ? quorum(consenters.length) : 1;
  if (signatures !== needed) throw new FormatError(`orderers.signatures: must be ${needed}`);
  return { consensus, signatures, organisations, consenters };
}

/**
 * @param {Orderers['consenters']} consenters
 * @param {Organisation[]} organisations
 */
async function checkConsenters(consenters, organisations) {
  if (consenters.length === 0) throw new FormatError('orderers.consenters: there is none');
  unique(
    consenters.map(({ id }) => id),
    'orderers.consenters: an id',
  );
  unique(
    consenters.map(({ identity }) => toHex(identity.certificate.tbs.raw)),
    'orderers.consenters: a certificate',
  );
  for (const { id, identity } of consenters) {
    const organisation = organisations.find(({ mspId }) => mspId === identity.mspId);
    const refusal = organisation ? await organisation.refusal(identity) : 'is of no pinned orderer organisation';
    // One whose certificate is revoked stays part of the number that the quorum is of, and cannot sign.
    if (refusal && refusal !== REVOKED) throw new FormatError(`orderers.consenters: consenter ${id} ${refusal}`);
  }
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
 * @param {any[]} values
 * @param {'peerUnit' | 'ordererUnit'} unit
 * @param {string} at
 * @returns {Promise<Organisation[]>}
 */
async function organisationsOf(values, unit, at) {
  const certificates = (/** @type {string[]} */ list = []) => list.map((pem) => Certificate.fromPem(pem));
  unique(
    values.map(({ mspId }) => mspId),
    `${at}: an MSP ID`,
  );
  const organisations = [];
  for (const value of values) {
    const organisation = inside(
      `${at}: ${value.mspId}`,
      () =>
        new Organisation({
          mspId: value.mspId,
          roots: certificates(value.roots),
          intermediates: certificates(value.intermediates),
          unit: value[unit],
          revoked: (value.revoked ?? []).map((/** @type {string} */ pem) => RevocationList.fromPem(pem)),
        }),
    );
    await organisation.checkAuthorities();
    organisations.push(organisation);
  }
  return organisations;
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
    throw new FormatError(`${at}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * @param {any[]} values
 * @param {string} at
 */
function unique(values, at) {
  if (new Set(values).size !== values.length) throw new FormatError(`${at}: comes twice`);
}
