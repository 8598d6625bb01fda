// SPDX-License-Identifier: Apache-2.0

/**
 * Attestations: several organisations' peers sign what the committed state holds, in answer to a
 * question that was never submitted as a transaction.
 * @module
 */

import { Ballot, older } from './ballot.js';
import { FormatError } from './bytes.js';
import { checkCreator, checkEntry, checkProposal, describe, endorsersOf } from './endorsement.js';
import { checkCall, parseTransaction } from './fabric.js';
import {
  anchorKey,
  changesOf,
  checkHashes,
  deviceKey,
  nameOf,
  parseAttestation,
  parseRequest,
  stopKey,
  streamKey,
  streamStopKey,
} from './record.js';
import { isBefore } from './order.js';
import { Missing } from './report.js';
import { findKey } from './standing.js';

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
const MAX_REPORTS = 20;

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
 * What is attested of one kind of record.
 * @typedef {{votes: Ballot<any>, found: import('./ballot.js').Candidate<any> | null, what: string}} Race
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
  judgeReports(context, answers);
  for (const { votes, found, what } of races) {
    if (!found) continue;
    locate(context, found);
    if (found.value.updated) allow(context, found.value);
    if (found.value.updated) tellEarlier(context, votes, found);
    if (found !== races[0].found) noteState(context, found.asOf(need));
    const others = votes.others(found, need);
    if (others.length > 0) notes.push(`peers of ${others.join(', ')} attest otherwise about ${what}`);
  }
  return sentences[0];
}

/**
 * @param {Context} context
 * @param {Answer[]} answers about the stream
 * @returns {Race[]} of the anchor's entry, the stream and the device
 */
function race({ statement, trust, notes }, answers) {
  const { stream, number } = statement.receipt;
  const { device } = statement.reading;
  const entries = { votes: new Ballot(anchorKey(stream, number)), what: `batch ${number}` };
  const streams = { votes: new Ballot(streamKey(stream), streamStopKey(stream)), what: `stream ${stream}` };
  const devices = { votes: new Ballot(deviceKey(device), stopKey(device)), what: `device ${device}` };
  const vote = (/** @type {{votes: Ballot<any>, what: string}} */ { votes, what }, value, answer) => {
    if (value && !votes.add(value, answer))
      notes.push(
        `peers of ${answer.by.join(', ') || 'no organisation'} do not say that they read ${what} in the ledger; that does not count`,
      );
  };
  for (const answer of answers) {
    vote(
      entries,
      answer.said.anchors.find(({ anchor }) => anchor.number === number),
      answer,
    );
    if (answer.said.head.number < number) continue; // older than the batch: its records say too little
    vote(streams, answer.said.stream, answer);
    vote(
      devices,
      answer.said.devices.find((d) => nameOf(d) === device),
      answer,
    );
  }
  return [
    { ...entries, found: entries.votes.winner },
    { ...streams, found: streams.votes.newest(trust.attestations) },
    { ...devices, found: devices.votes.newest(trust.attestations) },
  ];
}

/**
 * Keeps the evidence against the stream that enough organisations attest: none is ever deleted, so what
 * was there once counts. And who attests that there is none against the batch: enough must as well.
 * @param {Context} context
 * @param {Answer[]} answers
 */
function judgeReports(context, answers) {
  const { attested, notes, trust, statement } = context;
  const { number } = statement.receipt;
  const [reports, silent] = [new Ballot(), new Ballot()];
  for (const answer of answers) {
    answer.said.equivocations.forEach((report) => reports.add(report, answer));
    if (answer.said.head.number >= number && acquits(answer.said, number)) silent.add({}, answer);
  }
  const enough = Math.min(trust.attestations, Math.max(1, attested.by.length));
  for (const { by, value } of reports.all) {
    if (by.length >= enough) attested.reports.push(value);
    else
      notes.push(
        `peers of ${by.join(', ') || 'no organisation'} alone attest evidence against batch ${value.number} of stream ${value.stream}`,
      );
  }
  if (!silent.winner) return;
  attested.acquitting = silent.winner.by;
  noteState(context, silent.winner.asOf(trust.attestations));
}

/**
 * Whether an answer says that no evidence against a batch is on the ledger. It holds as much evidence as
 * there is room for, that against the batches that were asked for before anything else.
 * @param {import('./record.js').Attestation} said
 * @param {number} number
 */
function acquits({ anchors, equivocations }, number) {
  if (equivocations.some((report) => report.number === number)) return false;
  const alone = anchors.length === 1 && anchors[0].anchor.number === number;
  return alone || equivocations.length < MAX_REPORTS;
}

/**
 * Keeps the place of the transaction that wrote a record last, where enough organisations signed it.
 * @param {Context} context
 * @param {import('./ballot.js').Candidate<any>} found
 */
function locate({ trust, order }, { value, place, by }) {
  const last = value.txId ?? value.updated.tx;
  if (place && by.length >= trust.attestations) order.attest(last, place);
  if (value.updated) changesOf(value).forEach(({ tx }) => order.before(tx, last));
}

/**
 * Takes from the earlier states of a record what they tell of its changes. The votes are of states that
 * hold the anchor, so that a change which an earlier one does not tell came after the anchor. The changes
 * that it tells came not later than the last of them.
 * @param {Context} context
 * @param {Ballot<any>} votes
 * @param {import('./ballot.js').Candidate<any>} newest
 */
function tellEarlier(context, votes, newest) {
  const { order, trust } = context;
  const older = votes.all.filter(({ by, place }) => by.length >= trust.attestations && isBefore(place, newest.place));
  older.sort((a, b) => (isBefore(a.place, b.place) ? 1 : -1)); // the earliest last: it says most
  for (const state of older) {
    locate(context, state);
    const told = new Set(changesOf(state.value).map(({ tx }) => tx));
    for (const { tx } of changesOf(newest.value)) if (!told.has(tx)) order.followed.add(tx);
  }
}

/**
 * Keeps the changes that allowed a key of a record to vouch.
 * @param {Context} context
 * @param {any} record a device or a stream
 */
function allow({ order, statement }, { registered, opened, keys, suspensions = [] }) {
  const used = registered ? statement.reading.kid : statement.receipt.kid;
  const changes = [registered ?? opened, findKey(keys, used)?.from, ...suspensions.map(({ until }) => until)];
  changes.forEach((change) => change && order.allowing.add(change.tx));
}

/**
 * Keeps the state to which the judgement refers: what is not newer than that of device, of stream and of
 * the word that there is no evidence against the batch.
 * @param {Context} context
 * @param {import('./ballot.js').State} state
 */
function noteState({ attested }, state) {
  attested.asOf = attested.asOf ? older(attested.asOf, state) : state;
}
