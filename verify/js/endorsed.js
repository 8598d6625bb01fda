// SPDX-License-Identifier: Apache-2.0

/**
 * The anchor's transaction: whose it is, what it writes, and who endorsed that.
 * @module
 */

import { FormatError, equal } from './bytes.js';
import { checkEntry, checkProposal, describe, endorsersOf } from './endorsement.js';
import { checkCall, parseTransaction, writesTo } from './fabric.js';
import { Identity } from './msp.js';
import { parseEntry } from './record.js';
import { Missing } from './report.js';
import { splitName } from './shape.js';

/** @typedef {import('./verify.js').Context} Context */
/** @typedef {import('./fabric.js').Transaction} Transaction */

/**
 * Checks the anchor's transaction: `endorsed.*`.
 * @param {Context} context
 */
export async function checkEndorsed(context) {
  const { checks, statement, trust } = context;
  /** @type {Transaction} */
  let tx;
  await checks.make('endorsed.transaction', ['anchor.content', '?receipt.ledger', '?ordered.block'], async () => {
    const envelope = context.ordered?.envelope ?? statement.evidence.envelope;
    if (!envelope) throw new Missing("the statement does not hold the anchor's transaction");
    tx = await parseTransaction(envelope);
    checkCall(tx, trust.ledger, 'anchors:Anchor');
    if (tx.txId !== statement.receipt.transaction) throw new FormatError(`transaction ${tx.txId}, the receipt names ${statement.receipt.transaction}`);
    if (!equal(tx.args[1], statement.anchor)) throw new FormatError('the transaction anchors something else');
    if (tx.time !== statement.receipt.time) throw new FormatError(`the transaction is of ${tx.time}, the receipt says ${statement.receipt.time}`);
    return `transaction ${tx.txId} on ${trust.ledger} brings this anchor`;
  });
  await checks.make('endorsed.creator', ['endorsed.transaction'], () => checkCreator(tx, context));
  await checks.make('endorsed.proposal', ['endorsed.transaction', '?endorsed.creator'], () => checkProposal(tx));
  await checks.make('endorsed.writes', ['endorsed.proposal', '?endorsed.creator'], () => checkWrites(tx, context));
  await checks.make('endorsed.signatures', ['endorsed.writes'], async () => {
    const endorsers = await endorsersOf(tx.action, trust);
    // The client chose these peers and sent what they all signed: one that does not hold spoils it.
    if (endorsers.faults.length > 0) throw new FormatError(endorsers.faults.join('; '));
    context.endorsers = endorsers.organisations;
    return describe(endorsers, 1, trust);
  });
}

/**
 * @param {Transaction} tx
 * @param {Context} context
 */
async function checkCreator(tx, { statement, trust }) {
  const creator = Identity.parse(tx.creator);
  const { owner } = splitName(statement.receipt.stream);
  if (creator.mspId !== owner) throw new FormatError(`the transaction is of ${creator.mspId}, the stream of ${owner}`);
  const organisation = trust.organisations.find(({ mspId }) => mspId === owner);
  if (!organisation) throw new FormatError(`${owner} is not pinned`);
  const refusal = await organisation.refusal(creator);
  if (refusal) throw new FormatError(`the creator ${refusal}`);
  if (!(await creator.verify(tx.signature, tx.payload))) throw new FormatError('the creator did not sign this transaction');
  return `an identity of ${owner} signed the transaction`;
}

/**
 * @param {Transaction} tx
 * @param {Context} context
 */
function checkWrites(tx, { statement }) {
  const { receipt } = statement;
  if (tx.action.status !== 200) throw new FormatError(`the chaincode refused: ${tx.action.status} ${tx.action.message}`);
  const { owner, id } = splitName(receipt.stream);
  const key = ['', 'anchor', owner, id, String(receipt.number).padStart(16, '0'), ''].join('\0');
  const writes = writesTo(tx.action.results, tx.chaincode).filter((write) => write.key === key);
  if (writes.length !== 1 || writes[0].isDelete) throw new FormatError(`the transaction writes batch ${receipt.number} of ${receipt.stream} ${writes.length} times`);
  const entry = parseEntry(writes[0].value);
  checkEntry(entry, statement);
  if (Identity.parse(tx.creator).mspId !== entry.creator) throw new FormatError('the entry names another creator');
  return `the transaction writes batch ${receipt.number} of ${receipt.stream}`;
}
