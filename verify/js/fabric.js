// SPDX-License-Identifier: Apache-2.0

/**
 * A transaction of Hyperledger Fabric as its client sends it to the orderers: the envelope, the
 * proposal in it, what the chaincode answered and wrote, and who endorsed that.
 * @module
 */

import { FormatError, equal, sha256, toHex } from './bytes.js';
import { Message } from './protobuf.js';

const ENDORSER_TRANSACTION = 3;

/**
 * @typedef {object} Endorsement
 * @property {Uint8Array} endorser msp.SerializedIdentity
 * @property {Uint8Array} signature
 */

/**
 * @typedef {object} Action what a chaincode did, as its endorsers signed it
 * @property {Uint8Array} signed peer.ProposalResponsePayload
 * @property {Uint8Array} proposalHash
 * @property {string} chaincode name of the chaincode that answered
 * @property {number} status
 * @property {string} message
 * @property {Uint8Array} payload the answer
 * @property {Uint8Array} results rwset.TxReadWriteSet
 * @property {Endorsement[]} endorsements
 */

/**
 * @typedef {object} Transaction
 * @property {Uint8Array} payload what the creator signed
 * @property {Uint8Array} signature of the creator; empty when it was never submitted
 * @property {string} channel
 * @property {string} chaincode that was called
 * @property {string} txId that the header states
 * @property {number} time its timestamp in milliseconds since 1970: the client's claim
 * @property {Uint8Array} creator msp.SerializedIdentity
 * @property {Uint8Array} nonce
 * @property {Uint8Array[]} args of the call, the function's name first
 * @property {Uint8Array[]} proposal the parts that the proposal hash is over
 * @property {Action} action
 */

/**
 * @param {Uint8Array} bytes common.Envelope
 * @returns {Transaction}
 * @throws {FormatError}
 */
export function parseTransaction(bytes) {
  const envelope = new Message(bytes);
  const payload = envelope.bytes(1);
  const body = new Message(payload);
  const header = body.message(1);
  const channelHeader = header.message(1);
  const signatureHeader = header.message(2);
  if (channelHeader.number(1) !== ENDORSER_TRANSACTION) throw new FormatError('Fabric: the envelope holds no endorsed transaction');
  const actions = new Message(body.bytes(2)).list(1);
  if (actions.length !== 1) throw new FormatError(`Fabric: ${actions.length} actions in the transaction, not 1`);
  const endorsed = new Message(actions[0]).message(2);
  return {
    payload,
    signature: envelope.bytes(2),
    channel: channelHeader.text(4),
    chaincode: channelHeader.message(7).message(2).text(2),
    txId: channelHeader.text(5),
    time: milliseconds(channelHeader.message(3)),
    creator: signatureHeader.bytes(1),
    nonce: signatureHeader.bytes(2),
    args: argumentsOf(endorsed.message(1)),
    proposal: [header.bytes(1), header.bytes(2), endorsed.bytes(1)],
    action: parseAction(endorsed.message(2)),
  };
}

/** @param {Message} timestamp google.protobuf.Timestamp */
function milliseconds(timestamp) {
  const nanos = timestamp.number(2);
  if (nanos > 999_999_999) throw new FormatError('Fabric: not a timestamp');
  return timestamp.number(1) * 1000 + Math.floor(nanos / 1_000_000);
}

/** @param {Message} proposalPayload peer.ChaincodeProposalPayload */
function argumentsOf(proposalPayload) {
  const specification = proposalPayload.message(1).message(1);
  return specification.message(3).list(1);
}

/**
 * @param {Message} endorsed peer.ChaincodeEndorsedAction
 * @returns {Action}
 */
function parseAction(endorsed) {
  const signed = endorsed.bytes(1);
  const response = new Message(signed);
  const action = response.message(2);
  const answer = action.message(3);
  return {
    signed,
    proposalHash: response.bytes(1),
    chaincode: action.message(4).text(2),
    status: answer.number(1),
    message: answer.text(2),
    payload: answer.bytes(3),
    results: action.bytes(1),
    endorsements: endorsed.list(2).map((bytes) => {
      const endorsement = new Message(bytes);
      return { endorser: endorsement.bytes(1), signature: endorsement.bytes(2) };
    }),
  };
}

/**
 * The id that a transaction has by its nonce and its creator.
 * @param {Transaction} transaction
 * @returns {Promise<string>}
 */
export async function transactionId({ nonce, creator }) {
  return toHex(await sha256(nonce, creator));
}

/**
 * Whether the endorsers answered this proposal.
 * @param {Transaction} transaction
 * @returns {Promise<boolean>}
 */
export async function answersProposal({ proposal, action }) {
  return equal(action.proposalHash, await sha256(...proposal));
}

/**
 * Checks that a transaction is what its evidence says: of a ledger, with the id of its creator.
 * @param {Transaction} transaction
 * @param {string} ledger channel/chaincode
 * @param {string} called name of the function
 */
export async function checkCall(transaction, ledger, called) {
  const id = await transactionId(transaction);
  if (transaction.txId !== id) throw new FormatError(`the transaction states the id ${transaction.txId}, by its nonce and creator it is ${id}`);
  const [asked, answered] = [transaction.chaincode, transaction.action.chaincode].map((name) => `${transaction.channel}/${name}`);
  if (asked !== ledger || answered !== ledger) throw new FormatError(`the transaction calls ${asked}, answered by ${answered}, not ${ledger}`);
  const [name, ...rest] = transaction.args;
  const text = new TextDecoder().decode(name ?? new Uint8Array(0));
  if (text !== called || rest.length !== 1) throw new FormatError(`the transaction calls ${text} with ${rest.length} arguments, not ${called} with 1`);
}

/**
 * @typedef {object} Write
 * @property {string} key
 * @property {boolean} isDelete
 * @property {Uint8Array} value
 */

/**
 * What a transaction writes to the state of a chaincode.
 * @param {Uint8Array} results rwset.TxReadWriteSet
 * @param {string} chaincode
 * @returns {Write[]}
 */
export function writesTo(results, chaincode) {
  const sets = new Message(results).list(2).map((bytes) => new Message(bytes)).filter((set) => set.text(1) === chaincode);
  return sets.flatMap((set) => set.message(2).list(3)).map((bytes) => {
    const write = new Message(bytes);
    return { key: write.text(1), isDelete: write.uint(2) !== 0n, value: write.bytes(3) };
  });
}
