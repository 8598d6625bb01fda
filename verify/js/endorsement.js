// SPDX-License-Identifier: Apache-2.0

/**
 * What the endorsed transaction of an anchor and an attestation have in common: endorsers that
 * answered a proposal, and the ledger's entry of an anchor.
 * @module
 */

import { FormatError, equal, utf8 } from './bytes.js';
import { answersProposal } from './fabric.js';
import { canonical } from './json.js';
import { Identity } from './msp.js';

/** @typedef {{organisations: string[], faults: string[]}} Endorsers whose peers vouch, sorted; why others do not count */

/**
 * The organisations whose peers endorsed an action.
 * @param {import('./fabric.js').Action} action
 * @param {import('./trust.js').Trust} trust
 * @returns {Promise<Endorsers>}
 */
export async function endorsersOf(action, trust) {
  const organisations = new Set();
  const faults = [];
  for (const endorsement of action.endorsements) {
    try {
      organisations.add(await endorserOf(endorsement, action, trust));
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { organisations: [...organisations].sort(), faults };
}

/**
 * @param {import('./fabric.js').Endorsement} endorsement
 * @param {import('./fabric.js').Action} action
 * @param {import('./trust.js').Trust} trust
 * @returns {Promise<string>} the MSP ID of the endorser
 */
async function endorserOf({ endorser, signature }, action, trust) {
  const identity = Identity.parse(endorser);
  const organisation = trust.organisations.find(({ mspId }) => mspId === identity.mspId);
  if (!organisation) throw new FormatError(`an endorser is of ${identity.mspId}, which is not pinned`);
  const refusal = await organisation.nodeRefusal(identity);
  if (refusal) throw new FormatError(`an endorser of ${identity.mspId} ${refusal}`);
  if (!(await identity.verify(signature, action.signed, endorser)))
    throw new FormatError(`an endorser of ${identity.mspId} did not sign this answer`);
  return identity.mspId;
}

/**
 * Says who signed, and throws when they are too few.
 * @param {Endorsers} endorsers
 * @param {number} least
 * @param {import('./trust.js').Trust} trust
 */
export function describe({ organisations, faults }, least, trust) {
  if (organisations.length < least) {
    throw new FormatError(
      [`signed by peers of ${organisations.length} organisations, ${least} are asked for`, ...faults].join('; '),
    );
  }
  const roles = trust.organisations.filter(({ mspId, unit }) => unit === '' && organisations.includes(mspId));
  const doubt = roles.length
    ? `; ${roles.map(({ mspId }) => mspId).join(', ')} tells peers and other identities not apart`
    : '';
  return [`signed by peers of ${organisations.join(', ')}${doubt}`, ...faults].join('; ');
}

/** @param {import('./fabric.js').Transaction} tx */
export async function checkProposal(tx) {
  if (!(await answersProposal(tx))) throw new FormatError('the endorsers answered another proposal');
  return 'the endorsers answered this proposal';
}

/**
 * Checks that a member of a pinned organisation signed the transaction.
 * @param {import('./fabric.js').Transaction} tx
 * @param {import('./trust.js').Trust} trust
 * @returns {Promise<string>} the MSP ID of the organisation
 */
export async function checkCreator(tx, trust) {
  const creator = Identity.parse(tx.creator);
  const organisation = trust.organisations.find(({ mspId }) => mspId === creator.mspId);
  if (!organisation) throw new FormatError(`the creator is of ${creator.mspId}, which is not pinned`);
  const refusal = await organisation.refusal(creator);
  if (refusal) throw new FormatError(`the creator ${refusal}`);
  if (!(await creator.verify(tx.signature, tx.payload)))
    throw new FormatError('the creator did not sign this transaction');
  return creator.mspId;
}

/**
 * Checks that the ledger's entry of an anchor is what the statement says.
 * @param {import('./record.js').Entry} entry
 * @param {import('./statement.js').Statement} statement whose anchor has the hash that the receipt names
 */
export function checkEntry(entry, { anchor: bytes, receipt }) {
  const { anchor, hash, txId, ledgerTime } = entry;
  if (hash !== receipt.anchor)
    throw new FormatError(`the entry is of anchor ${hash}, the receipt of ${receipt.anchor}`);
  if (!equal(utf8(canonical(anchor)), bytes))
    throw new FormatError('the entry holds another anchor than its hash is of');
  if (anchor.stream !== receipt.stream || anchor.number !== receipt.number)
    throw new FormatError(`the entry is of batch ${anchor.number} of ${anchor.stream}`);
  if (txId !== receipt.transaction)
    throw new FormatError(`the entry is of transaction ${txId}, the receipt of ${receipt.transaction}`);
  if (ledgerTime !== receipt.time)
    throw new FormatError(`the entry is of ${ledgerTime}, the receipt says ${receipt.time}`);
}
