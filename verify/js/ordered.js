// SPDX-License-Identifier: Apache-2.0

/**
 * The block of the anchor's transaction, under its orderers' signatures, and the positions that
 * blocks give to transactions.
 * @module
 */

import { FormatError, equal } from './bytes.js';
import { orderersOf, parseBlock } from './block.js';
import { Missing } from './report.js';

/** @typedef {import('./verify.js').Context} Context */

/**
 * Checks the blocks: `ordered.*`. Positions that they give are kept in the context.
 * @param {Context} context
 */
export async function checkOrdered(context) {
  const { checks, statement, trust } = context;
  await checks.make('ordered.block', ['statement.format', '?receipt.signature', '?receipt.ledger'], async () => {
    if (statement.evidence.blocks.length === 0) throw new Missing('the statement holds no block');
    const channel = trust.ledger.split('/')[0];
    for (const bytes of statement.evidence.blocks) context.blocks.push(await parseBlock(bytes, channel));
    context.ordered = findTransaction(context);
    const { block, index } = context.ordered;
    return `block ${block} holds the transaction at index ${index}`;
  });
  await checks.make('ordered.signatures', ['ordered.block'], async () => {
    for (const block of context.blocks) await checkSigners(block, context);
    keepPositions(context);
    return `block ${context.ordered?.block} is signed by ${context.ordered?.by.join(', ')}`;
  });
}

/**
 * @param {Context} context
 * @returns {NonNullable<Context['ordered']>}
 */
function findTransaction({ blocks, statement }) {
  const { evidence, receipt } = statement;
  for (const { number, ids, envelopes, configuration } of blocks) {
    const index = ids.indexOf(receipt.transaction);
    if (index < 0) continue;
    const envelope = envelopes[index];
    if (evidence.envelope && !equal(evidence.envelope, envelope)) throw new FormatError(`block ${number} holds the transaction in another envelope than the statement`);
    return { block: number, index, envelope, by: [], configuration };
  }
  throw new FormatError(`no block holds transaction ${receipt.transaction}`);
}

/**
 * @param {import('./block.js').Block} block
 * @param {Context} context
 */
async function checkSigners(block, { trust, ordered }) {
  const { signers, refusals } = await orderersOf(block, trust.orderers);
  const least = trust.orderers.signatures;
  if (signers.length < least) {
    throw new FormatError([`block ${block.number} is signed by ${signers.length} orderers, ${least} are asked for`, ...refusals].join('; '));
  }
  if (ordered?.block === block.number) ordered.by = signers;
}

/** @param {Context} context whose blocks are signed */
function keepPositions({ blocks, positions }) {
  for (const { number, ids } of blocks) {
    for (const [index, id] of ids.entries()) {
      if (id === null) continue;
      // An id that comes again is a duplicate, which peers mark invalid: the first counts.
      const known = positions.get(id);
      const earlier = !known || number < known.block || (number === known.block && index < known.index);
      if (earlier) positions.set(id, { block: number, index });
    }
  }
}
