// SPDX-License-Identifier: Apache-2.0

/**
 * Attestations: several organisations' peers sign what the committed state holds, in answer to a
 * question that was never submitted as a transaction.
 * @module
 */

import { FormatError } from './bytes.js';
import { checkEntry, checkProposal, describe, endorsersOf } from './endorsement.js';
import { checkCall, parseTransaction } from './fabric.js';
import { nameOf, parseAttestation, parseRequest } from './record.js';
import { Missing } from './report.js';

/** @typedef {import('./verify.js').Context} Context */
/** @typedef {import('./fabric.js').Transaction} Transaction */
/** @typedef {{answer: import('./record.js').Attestation, time: number, by: string[]}} Attested */

const MAX_ANCHORS = 32;
const MAX_DEVICES = 100;

/**
 * Reads the attestations: `attested.*` but the anchor.
 * @param {Context} context
 */
export async function checkAttested(context) {
  const { checks, statement, trust } = context;
  /** @type {Transaction[]} */
  let all = [];
  await checks.make('attested.transaction', ['statement.format', '?receipt.ledger'], async () => {
    if (statement.evidence.attestations.length === 0) throw new Missing('the statement holds no attestation');
    all = await Promise.all(statement.evidence.attestations.map(parseTransaction));
    for (const tx of all) checkCall(tx, trust.ledger, 'anchors:Attest');
    return `${all.length} endorsed ${all.length === 1 ? 'question' : 'questions'} to ${trust.ledger}`;
  });
  await checks.make('attested.proposal', ['attested.transaction'], async () => {
    for (const tx of all) await checkProposal(tx);
    return 'the endorsers answered this question';
  });
  await checks.make('attested.answer', ['attested.proposal'], () => {
    context.attestations = all.map((tx) => answerOf(tx, trust));
    return 'the answer is to the question';
  });
  await checks.make('attested.signatures', ['attested.answer'], async () => {
    const sentences = [];
    for (const [i, tx] of all.entries()) {
      const endorsers = await endorsersOf(tx.action, trust);
      sentences.push(describe(endorsers, trust.attestations, trust));
      context.attestations[i].by = endorsers.organisations;
    }
    return sentences.join('; ');
  });
}

/**
 * @param {Transaction} tx
 * @param {import('./trust.js').Trust} trust
 */
function answerOf(tx, trust) {
  if (tx.action.status !== 200) throw new FormatError(`the chaincode refused: ${tx.action.status} ${tx.action.message}`);
  const request = parseRequest(tx.args[1]);
  const answer = parseAttestation(tx.action.payload);
  if (answer.ledger !== trust.ledger) throw new FormatError(`the answer is of ledger ${answer.ledger}`);
  if (answer.nonce !== request.nonce) throw new FormatError('the answer holds another nonce than the question');
  if (nameOf(answer.stream) !== request.stream || answer.head.stream !== request.stream) throw new FormatError(`the answer is not of stream ${request.stream}`);
  const strange = answer.anchors.find(({ anchor: a }) => a.stream !== request.stream || a.number < request.from || a.number > request.to || a.number > answer.head.number);
  if (strange) throw new FormatError(`the answer holds batch ${strange.anchor.number} of ${strange.anchor.stream}`);
  const other = answer.devices.map(nameOf).find((name, i, names) => !request.devices.includes(name) || names.indexOf(name) !== i);
  if (other) throw new FormatError(`the answer holds device ${other} unasked or twice`);
  if (answer.anchors.length > MAX_ANCHORS || answer.devices.length > MAX_DEVICES) throw new FormatError('the answer holds more than a question may ask for');
  return { answer, time: tx.time, by: /** @type {string[]} */ ([]) };
}

/**
 * Finds the anchor in the attestations: `attested.anchor`.
 * @param {Context} context
 */
export async function checkAttestedAnchor(context) {
  const { checks, statement } = context;
  await checks.make('attested.anchor', ['attested.signatures', 'anchor.content', '?receipt.signature'], async () => {
    const { receipt } = statement;
    const about = context.attestations.filter(({ answer }) => nameOf(answer.stream) === receipt.stream);
    if (about.length === 0) throw new FormatError(`no attestation is of stream ${receipt.stream}`);
    let found = null;
    for (const attestation of about) {
      if (attestation.answer.head.number < receipt.number) continue;
      const entry = attestation.answer.anchors.find(({ anchor }) => anchor.number === receipt.number);
      if (entry) checkEntry(entry, statement);
      found = entry ?? found;
    }
    if (!found) throw new FormatError(`no attestation holds batch ${receipt.number} of ${receipt.stream}`);
    context.moment = { time: found.ledgerTime, tx: found.txId };
    return `the ledger holds batch ${receipt.number} of ${receipt.stream}`;
  });
}

/**
 * The attestations about a stream, the latest state first.
 * @param {Attested[]} attestations
 * @param {string} stream
 * @returns {Attested[]}
 */
export function latestFirst(attestations, stream) {
  return attestations.filter(({ answer }) => nameOf(answer.stream) === stream)
    .reverse().sort((a, b) => b.answer.head.number - a.answer.head.number);
}
