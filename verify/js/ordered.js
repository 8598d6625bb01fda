// SPDX-License-Identifier: Apache-2.0

/**
 * The block of the anchor's transaction, under its orderers' signatures, and the positions that
 * blocks give to transactions.
 * @module
 */

import { FormatError } from './bytes.js';
import { indexOf, orderersOf, parseBlock } from './block.js';
import { parseTransaction, transactionId } from './fabric.js';
import { Missing } from './report.js';

/** @typedef {import('./verify.js').Context} Context */

/**
 * Reads the blocks: `ordered.*`. Positions that they give are kept in the context.
 * @param {Context} context
 */
export async function checkOrdered(context) {
  const { checks, statement, trust } = context;
  await checks.make('ordered.block', ['statement.format', '?receipt.signature', '?receipt.ledger'], async () => {
    if (statement.evidence.blocks.length === 0) throw new Missing('the statement holds no block');
    for (const bytes of statement.evidence.blocks) context.blocks.push(await parseBlock(bytes));
    for (const block of context.blocks) await findTransaction(context, block);
    if (!context.ordered) throw new FormatError(`no block holds transaction ${statement.receipt.transaction}`);
    const { block, index } = context.ordered;
    return `block ${block} holds the transaction at index ${index}`;
  });
  await checks.make('ordered.signatures', ['ordered.block'], async () => {
    const least = trust.orderers.signatures;
    for (const block of context.blocks) {
      const { signers, refusals } = await orderersOf(block, trust.orderers);
      if (signers.length < least) {
        throw new FormatError(`block ${block.number} is signed by ${signers.length} orderers, ${least} are asked for${refusals.map((r) => `; ${r}`).join('')}`);
      }
      if (Number(block.number) === context.ordered?.block) context.ordered.by = signers;
    }
    await keepPositions(context);
    return `block ${context.ordered?.block} is signed by ${context.ordered?.by.join(', ')}`;
  });
}

/**
 * @param {Context} context
 * @param {import('./block.js').Block} block
 */
async function findTransaction(context, block) {
  const { evidence, receipt } = context.statement;
  for (const [index, envelope] of block.envelopes.entries()) {
    if (context.ordered || (await idOf(envelope)) !== receipt.transaction) continue;
    if (evidence.envelope && indexOf(block, evidence.envelope) !== index) {
      throw new FormatError(`block ${block.number} holds the transaction in another envelope than the statement`);
    }
    context.ordered = { block: Number(block.number), index, envelope, by: [] };
  }
}

/**
 * @param {Uint8Array} envelope
 * @returns {Promise<string | null>} null for what is no endorsed transaction
 */
async function idOf(envelope) {
  try {
    return await transactionId(parseTransaction(envelope));
  } catch {
    return null;
  }
}

/** @param {Context} context whose blocks are signed */
async function keepPositions(context) {
  for (const block of context.blocks) {
    for (const [index, envelope] of block.envelopes.entries()) {
      const id = await idOf(envelope);
      // An id that comes again is a duplicate, which peers mark invalid: the first counts.
      const position = { block: Number(block.number), index };
      const known = id && context.positions.get(id);
      const earlier = !known || position.block < known.block || (position.block === known.block && index < known.index);
      if (id && earlier) context.positions.set(id, position);
    }
  }
}
