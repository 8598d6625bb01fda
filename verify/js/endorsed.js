// SPDX-License-Identifier: Apache-2.0

/**
 * The anchor's transaction: whose it is, what it writes, and who endorsed that.
 * @module
 */

import { FormatError, equal } from './bytes.js';
import { checkCreator, checkEntry, checkProposal, describe, endorsersOf } from './endorsement.js';
import { checkCall, parseTransaction } from './fabric.js';
import { Identity } from './msp.js';
import { anchorKey, parseEntry } from './record.js';
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
  const { receipt } = statement;
  /** @type {Transaction} */
  let tx;
  await checks.make(
    'endorsed.transaction',
    ['statement.format', '?anchor.hash', '?anchor.content', '?ordered.block'],
    async () => {
      const envelope = context.ordered?.envelope ?? statement.evidence.envelope;
      if (!envelope) throw new Missing("the statement does not hold the anchor's transaction");
      tx = await parseTransaction(envelope);
      checkCall(tx, trust.ledger, 'anchors:Anchor');
      if (tx.txId !== receipt.transaction)
        throw new FormatError(`transaction ${tx.txId}, the receipt names ${receipt.transaction}`);
      if (tx.time !== receipt.time)
        throw new FormatError(`the transaction is of ${tx.time}, the receipt says ${receipt.time}`);
      if (!equal(tx.args[1], statement.anchor)) throw new FormatError('the transaction anchors something else');
      return `transaction ${tx.txId} on ${trust.ledger} brings this anchor`;
    },
  );
  await checks.make('endorsed.creator', ['endorsed.transaction'], async () => {
    const { owner } = splitName(receipt.stream);
    const mspId = await checkCreator(tx, trust);
    if (mspId !== owner)
      throw new FormatError(`a member of ${mspId} signed the transaction, the stream is of ${owner}`);
    return `a member of ${owner} signed the transaction`;
  });
  await checks.make('endorsed.proposal', ['endorsed.transaction', '?endorsed.creator'], () => checkProposal(tx));
  await checks.make('endorsed.writes', ['endorsed.proposal', '?endorsed.creator'], () => checkWrites(tx, context));
  await checks.make('endorsed.signatures', ['endorsed.writes'], async () => {
    const endorsers = await endorsersOf(tx.action, trust);
    context.endorsedBy = endorsers.organisations;
    context.notes.push(...endorsers.faults.map((fault) => `an endorsement does not count: ${fault}`));
    return describe(endorsers, 1, trust);
  });
}

/**
 * @param {Transaction} tx
 * @param {Context} context
 */
function checkWrites(tx, { statement }) {
  const { stream, number } = statement.receipt;
  const writes = tx.action.state.get(tx.chaincode)?.writes ?? [];
  const anchors = writes.filter(({ key }) => key.startsWith('\0anchor\0'));
  const [write] = anchors;
  if (anchors.length !== 1 || write.key !== anchorKey(stream, number) || write.isDelete) {
    throw new FormatError(
      `the transaction writes ${anchors.length} anchors; batch ${number} of ${stream} alone is expected`,
    );
  }
  const entry = parseEntry(write.value);
  checkEntry(entry, statement);
  const { mspId } = Identity.parse(tx.creator);
  if (entry.creator !== mspId)
    throw new FormatError(`the entry names ${entry.creator} as its creator, it is of ${mspId}`);
  return `the transaction writes batch ${number} of ${stream} and no other anchor`;
}
