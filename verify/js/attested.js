// SPDX-License-Identifier: Apache-2.0

/**
 * Attestations: several organisations' peers sign what the committed state holds, in answer to a
 * question that was never submitted as a transaction.
 * @module
 */

import { Ballot } from './ballot.js';
import { FormatError } from './bytes.js';
import { checkCreator, checkEntry, checkProposal, describe, endorsersOf } from './endorsement.js';
import { checkCall, parseTransaction } from './fabric.js';
import {
  anchorKey,
  changesOf,
  checkHashes,
  deviceKey,
  headKey,
  nameOf,
  parseAttestation,
  parseRequest,
  streamKey,
} from './record.js';
import { Missing } from './report.js';

/** @typedef {import('./verify.js').Context} Context */
/** @typedef {import('./fabric.js').Transaction} Transaction */
/**
 * @typedef {object} Answer
 * @property {import('./record.js').Attestation} said
 * @property {number} asked when, by the clock of who asked
 * @property {string[]} by the organisations that signed it
 * @property {Map<string, import('./standing.js').Position>} reads the version of each key that the peers read
 */

const MAX_ANCHORS = 32;
const MAX_DEVICES = 100;

/**
 * Checks the attestations: `attested.*`. What enough organisations attest is kept in the context.
 * @param {Context} context
 */
export async function checkAttested(context) {
  const { checks, statement, trust } = context;
  /** @type {Transaction[]} */
  let all = [];
  /** @type {Answer[]} */
  let answers = [];
  await checks.make('attested.transaction', ['statement.format'], async () => {
    if (statement.evidence.attestations.length === 0) throw new Missing('the statement holds no attestation');
    all = await Promise.all(statement.evidence.attestations.map(parseTransaction));
    for (const tx of all) {
      checkCall(tx, trust.ledger, 'anchors:Attest');
      if (tx.signature.length > 0) await checkCreator(tx, trust); // as a rule there is none
    }
    return `${all.length} ${all.length === 1 ? 'answer' : 'answers'} to anchors:Attest on ${trust.ledger}`;
  });
  await checks.make('attested.proposal', ['attested.transaction'], async () => {
    for (const tx of all) await checkProposal(tx);
    return 'the endorsers answered this question';
  });
  await checks.make('attested.answer', ['attested.proposal'], async () => {
    answers = await Promise.all(all.map((tx) => answerOf(tx, trust)));
    return 'the answer is to the question';
  });
  await checks.make('attested.signatures', ['attested.answer'], async () => {
    for (const [i, tx] of all.entries()) {
      const { organisations, faults } = await endorsersOf(tx.action, trust);
      answers[i].by = organisations;
      context.notes.push(...faults.map((fault) => `a signature of an attestation does not count: ${fault}`));
    }
    return elect(context, answers);
  });
  await checks.make('attested.anchor', ['attested.signatures', '?anchor.hash', '?anchor.content'], () => {
    const { receipt } = statement;
    if (!context.attested.entry)
      throw new Missing(`no attestation is about batch ${receipt.number} of ${receipt.stream}`);
    checkEntry(context.attested.entry, statement);
    return `the ledger's state holds batch ${receipt.number} of ${receipt.stream}, brought by transaction ${receipt.transaction}`;
  });
}

/**
 * @param {Transaction} tx
 * @param {import('./trust.js').Trust} trust
 * @returns {Promise<Answer>}
 */
async function answerOf(tx, trust) {
  const request = parseRequest(tx.args[1]);
  const said = parseAttestation(tx.action.payload);
  if (said.ledger !== trust.ledger) throw new FormatError(`the answer is of ledger ${said.ledger}`);
  if (said.nonce !== request.nonce) throw new FormatError('the answer holds another nonce than the question');
  const stream = nameOf(said.stream);
  if (stream !== request.stream || said.head.stream !== request.stream)
    throw new FormatError(`the answer is not of stream ${request.stream}`);
  const within = (/** @type {number} */ n) => n >= request.from && n <= request.to && n <= said.head.number;
  const strange = said.anchors.find(
    ({ anchor }, i) =>
      anchor.stream !== stream || !within(anchor.number) || anchor.number !== said.anchors[0].anchor.number + i,
  );
  if (strange) throw new FormatError(`the answer holds batch ${strange.anchor.number} of ${strange.anchor.stream}`);
  const other = said.devices
    .map(nameOf)
    .find((name, i, names) => !request.devices.includes(name) || names.indexOf(name) !== i);
  if (other) throw new FormatError(`the answer holds device ${other} unasked or twice`);
  if (said.equivocations.some((report) => report.stream !== stream))
    throw new FormatError('the answer holds evidence against another stream');
  if (said.anchors.length > MAX_ANCHORS || said.devices.length > MAX_DEVICES)
    throw new FormatError('the answer holds more than a question may ask for');
  await checkHashes(said.anchors);
  return { said, asked: tx.time, by: [], reads: tx.action.state.get(tx.chaincode)?.reads ?? new Map() };
}

/**
 * What is attested of one kind of record, and where the ledger stores it.
 * @typedef {{votes: Ballot<any>, found: import('./ballot.js').Candidate<any> | null, key: string}} Race
 */

/**
 * Takes from the answers what most organisations, and the newest of what enough of them, attest.
 * @param {Context} context
 * @param {Answer[]} all
 * @returns {string}
 */
function elect(context, all) {
  const { statement, trust, attested, notes } = context;
  const { stream, number } = statement.receipt;
  const answers = all.filter(({ said }) => nameOf(said.stream) === stream);
  if (answers.length === 0) throw new Missing(`no attestation is about stream ${stream}`);
  const races = race(context, answers);
  const need = trust.attestations;
  const sentences = races.flatMap(({ found }) =>
    found ? [describe({ organisations: found.by, faults: [] }, need, trust)] : [],
  );
  if (sentences.length === 0) throw new Missing(`no attestation is about batch ${number} of ${stream}`);
  [attested.entry, attested.stream, attested.device] = races.map(({ found }) => found?.value ?? null);
  attested.by = races[0].found?.by ?? [];
  attested.fewest = Math.min(...races.flatMap(({ found }) => (found ? [found.by.length] : [])));
  const both = races[0].found ? races[0].votes.both(races[0].found) : [];
  if (both.length > 0) notes.push(`peers of ${both.join(', ')} contradict each other about batch ${number}`);
  attested.reports = reportsOf(answers, need);
  for (const { votes, found, key } of races) {
    if (!found) continue;
    locate(context, found, key);
    if (found !== races[0].found) noteState(context, found.asOf(need));
    const others = votes.others(found, key, need);
    if (others.length > 0)
      notes.push(`peers of ${others.join(', ')} attest otherwise about ${key.split('\0').slice(1, -1).join(' ')}`);
  }
  return sentences[0];
}

/**
 * @param {Context} context
 * @param {Answer[]} answers about the stream
 * @returns {Race[]} of the anchor's entry, the stream and the device
 */
function race({ statement, trust }, answers) {
  const { stream, number } = statement.receipt;
  const { device } = statement.reading;
  const [entries, streams, devices] = [new Ballot(), new Ballot(), new Ballot()];
  for (const answer of answers) {
    const entry = answer.said.anchors.find(({ anchor }) => anchor.number === number);
    if (entry) entries.add(entry, answer);
    if (answer.said.head.number < number) continue; // older than the batch: its records say too little
    streams.add(answer.said.stream, answer);
    const record = answer.said.devices.find((d) => nameOf(d) === device);
    if (record) devices.add(record, answer);
  }
  const newest = (/** @type {Ballot<any>} */ votes, /** @type {string} */ key) => ({
    votes,
    found: votes.newest(trust.attestations, key),
    key,
  });
  return [
    { votes: entries, found: entries.winner, key: anchorKey(stream, number) },
    newest(streams, streamKey(stream)),
    newest(devices, deviceKey(device)),
  ];
}

/**
 * The evidence against the stream that enough organisations attest. None is ever deleted, so what was
 * there once counts.
 * @param {Answer[]} answers
 * @param {number} need
 * @returns {any[]}
 */
function reportsOf(answers, need) {
  const reports = new Ballot();
  for (const answer of answers) answer.said.equivocations.forEach((report) => reports.add(report, answer));
  return reports.all.filter(({ by }) => by.length >= need).map(({ value }) => value);
}

/**
 * Keeps the position of the transaction that wrote a record last, and which changes are before it.
 * @param {Context} context
 * @param {import('./ballot.js').Candidate<any>} found
 * @param {string} key
 */
function locate({ trust, order }, found, key) {
  const { value } = found;
  const last = value.txId ?? value.updated.tx;
  order.place(last, found.position(key, trust.attestations));
  if (value.updated) changesOf(value).forEach(({ tx }) => order.before(tx, last));
}

/**
 * Keeps the state to which the judgement refers: the older one of device and stream.
 * @param {Context} context
 * @param {Answer} answer
 */
function noteState({ attested, statement }, { said, asked, reads }) {
  if (attested.asOf && attested.asOf.number <= said.head.number) return;
  const block = reads.get(headKey(statement.receipt.stream))?.block;
  attested.asOf = { number: said.head.number, ...(block === undefined ? {} : { block }), asked };
}
