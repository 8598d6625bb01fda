// SPDX-License-Identifier: Apache-2.0

/**
 * The block of the anchor's transaction, under its orderers' signatures, and the positions that
 * blocks give to transactions.
 * @module
 */

import { FormatError, equal } from './bytes.js';
import { orderersOf, parseBlock } from './block.js';
import { isBefore } from './order.js';
import { Missing } from './report.js';

/** @typedef {import('./verify.js').Context} Context */

/**
 * Checks the blocks: `ordered.*`. Positions that signed blocks give are kept in the context.
 * @param {Context} context
 */
export async function checkOrdered(context) {
  const { checks, statement, trust } = context;
  /** @type {import('./block.js').Block[]} */
  const blocks = [];
  await checks.make('ordered.block', ['statement.format'], async () => {
    if (statement.evidence.blocks.length === 0) throw new Missing('the statement holds no block');
    for (const bytes of statement.evidence.blocks) blocks.push(await parseBlock(bytes, trust.ledger.split('/')[0]));
    const found = findTransaction(context, blocks);
    const attested = context.order.attested.get(statement.receipt.transaction);
    if (attested && (attested.block !== found.block || attested.index !== found.index)) {
      throw new FormatError(
        `the block holds the transaction at ${found.block}/${found.index}, attested is ${attested.block}/${attested.index}`,
      );
    }
    context.ordered = found;
    return `block ${found.block} holds the transaction at index ${found.index}`;
  });
  await checks.make('ordered.signatures', ['statement.format', '?ordered.block'], async () => {
    for (const block of blocks) {
      const signers = await signersOf(block, trust.orderers);
      if (block.number === context.ordered?.block) context.ordered.by = signers;
      keepPositions(block, context);
    }
    if (!context.ordered) throw new Missing("no block with the anchor's transaction is there");
    return `block ${context.ordered.block} is signed by ${context.ordered.by.join(', ')}`;
  });
}

/**
 * @param {Context} context
 * @param {import('./block.js').Block[]} blocks
 * @returns {NonNullable<Context['ordered']>}
 */
function findTransaction({ statement }, blocks) {
  const { evidence, receipt } = statement;
  /** @type {NonNullable<Context['ordered']> | null} the earliest: in a later block it was ordered again */
  let first = null;
  for (const { number, ids, envelopes, configuration } of blocks) {
    const index = ids.indexOf(receipt.transaction);
    if (index < 0) continue;
    const held = { block: number, index, envelope: envelopes[index], by: [], configuration };
    if (first && first.block === number && first.index === index && !equal(first.envelope, held.envelope))
      throw new FormatError(`two blocks ${number} hold different transactions at index ${index}`);
    if (!first || isBefore(held, first)) first = held;
  }
  if (!first) throw new Missing(`no block with transaction ${receipt.transaction} is there`);
  if (evidence.envelope && !equal(evidence.envelope, first.envelope))
    throw new FormatError(`block ${first.block} holds the transaction in another envelope than the statement`);
  return first;
}

/**
 * @param {import('./block.js').Block} block
 * @param {import('./trust.js').Orderers} orderers
 * @returns {Promise<string[]>}
 */
async function signersOf(block, orderers) {
  const { signers, refusals } = await orderersOf(block, orderers);
  if (signers.length < orderers.signatures) {
    throw new FormatError(
      [
        `block ${block.number} is signed by ${signers.length} orderers, ${orderers.signatures} are asked for`,
        ...refusals,
      ].join('; '),
    );
  }
  return signers;
}

/**
 * @param {import('./block.js').Block} block that is signed
 * @param {Context} context
 */
function keepPositions({ number, ids }, { order }) {
  ids.forEach((id, index) => {
    if (id !== null) order.hold(id, { block: number, index });
  });
}
