// SPDX-License-Identifier: Apache-2.0

/**
 * A transaction of Hyperledger Fabric as its client sends it to the orderers: the envelope, the
 * proposal in it, what the chaincode answered and wrote, and who endorsed that.
 * @module
 */

import { FormatError, equal, fromUtf8, sha256, toHex } from './bytes.js';
import * as messages from './messages.js';
import { decode } from './protobuf.js';
import { parseReadWriteSet } from './rwset.js';

const ENDORSER_TRANSACTION = 3;
/** How many signatures a transaction or a block may have: it bounds what a verification costs. */
export const MAX_SIGNATURES = 256;

/**
 * @typedef {object} Endorsement
 * @property {Uint8Array} endorser msp.SerializedIdentity
 * @property {Uint8Array} signature
 */

/**
 * @typedef {object} Action what a chaincode did, as its endorsers signed it
 * @property {Uint8Array} signed protos.ProposalResponsePayload
 * @property {Uint8Array} proposalHash
 * @property {string} chaincode name of the chaincode that answered
 * @property {number} status
 * @property {string} message
 * @property {Uint8Array} payload the answer
 * @property {Map<string, import('./rwset.js').Access>} state what is read and written, by chaincode
 * @property {Uint8Array} events protos.ChaincodeEvent; empty when there is none
 * @property {Endorsement[]} endorsements
 */

/**
 * @typedef {object} Header who calls, when and where
 * @property {number} type
 * @property {string} channel
 * @property {string} txId by nonce and creator
 * @property {string} statedId that the channel header states
 * @property {number} time its timestamp in milliseconds since 1970: the client's claim
 * @property {string} chaincode that the header names; "" for none
 * @property {Uint8Array} creator msp.SerializedIdentity
 */

/**
 * @typedef {object} Call
 * @property {Uint8Array} payload what the creator signed
 * @property {Uint8Array} signature of the creator; empty when it was never submitted
 * @property {string} chaincode that was called
 * @property {Uint8Array[]} args the function's name first
 * @property {Uint8Array[]} proposal the parts that the proposal hash is over
 * @property {Action} action
 */

/** @typedef {Header & Call} Transaction */

/**
 * Reads the headers of an envelope of any type.
 * @param {Uint8Array} payload common.Payload
 * @returns {Promise<Header>}
 */
export async function parseHeader(payload) {
  const { header } = decode(payload, messages.PAYLOAD);
  if (!header) throw new FormatError('Fabric: the envelope has no header');
  const channel = decode(header.channelHeader, messages.CHANNEL_HEADER);
  const { creator, nonce } = decode(header.signatureHeader, messages.SIGNATURE_HEADER);
  const { seconds, nanos } = channel.timestamp ?? { seconds: 0, nanos: 0 };
  if (channel.epoch !== 0 || nanos > 999_999_999) throw new FormatError('Fabric: epoch or timestamp is out of range');
  const { chaincodeId } =
    channel.type === ENDORSER_TRANSACTION ? decode(channel.extension, messages.EXTENSION) : { chaincodeId: null };
  return {
    type: channel.type,
    channel: channel.channel,
    txId: toHex(await sha256(nonce, creator)),
    statedId: channel.txId,
    time: seconds * 1000 + Math.floor(nanos / 1_000_000),
    chaincode: chaincodeId?.name ?? '',
    creator,
  };
}

/**
 * Reads an endorsed transaction, or an endorsed proposal in the form of one. It holds together:
 * its id is that of its creator and nonce, and all its parts name the same chaincode.
 * @param {Uint8Array} bytes common.Envelope
 * @returns {Promise<Transaction>}
 * @throws {FormatError}
 */
export async function parseTransaction(bytes) {
  const { payload, signature } = decode(bytes, messages.ENVELOPE);
  const header = await parseHeader(payload);
  if (header.type !== ENDORSER_TRANSACTION)
    throw new FormatError(`Fabric: the envelope is of type ${header.type}, not an endorsed transaction`);
  if (header.statedId !== header.txId)
    throw new FormatError(
      `Fabric: the transaction states the id ${header.statedId}, by nonce and creator it is ${header.txId}`,
    );
  const { header: headers, data } = decode(payload, messages.PAYLOAD);
  const { actions } = decode(data, messages.TRANSACTION);
  if (actions.length !== 1) throw new FormatError(`Fabric: ${actions.length} actions in the transaction, not 1`);
  const only = decode(actions[0], messages.TRANSACTION_ACTION);
  if (!equal(only.header, headers.signatureHeader))
    throw new FormatError("Fabric: the action's signature header is not the transaction's");
  const { proposal, action: endorsed } = decode(only.payload, messages.ACTION_PAYLOAD);
  const called = parseProposal(proposal);
  const action = parseAction(endorsed);
  if (header.chaincode === '' || called.chaincode !== header.chaincode || action.chaincode !== header.chaincode) {
    throw new FormatError(
      `Fabric: the header names chaincode ${header.chaincode}, the call ${called.chaincode}, the answer ${action.chaincode}`,
    );
  }
  checkEvent(action.events, header);
  return {
    ...header,
    ...called,
    payload,
    signature,
    proposal: [headers.channelHeader, headers.signatureHeader, proposal],
    action,
  };
}

/**
 * @param {Uint8Array} bytes protos.ChaincodeProposalPayload
 * @returns {{chaincode: string, args: Uint8Array[]}}
 */
function parseProposal(bytes) {
  const { input, transientMap } = decode(bytes, messages.PROPOSAL_PAYLOAD);
  const { spec } = decode(input, messages.INVOCATION);
  const call = spec?.input ?? { args: [], decorations: [], isInit: 0 };
  if (transientMap.length > 0 || call.decorations.length > 0 || call.isInit !== 0) {
    throw new FormatError('Fabric: the call has transient data or decorations, or initialises the chaincode');
  }
  return { chaincode: spec?.chaincodeId?.name ?? '', args: call.args };
}

/**
 * @param {Record<string, any> | null} endorsed protos.ChaincodeEndorsedAction
 * @returns {Action}
 */
function parseAction(endorsed) {
  if (!endorsed) throw new FormatError('Fabric: nobody endorsed the transaction');
  const { proposalHash, extension } = decode(endorsed.response, messages.RESPONSE_PAYLOAD);
  const { results, events, response, chaincodeId } = decode(extension, messages.CHAINCODE_ACTION);
  if (!response) throw new FormatError('Fabric: the chaincode did not answer');
  if (endorsed.endorsements.length > MAX_SIGNATURES)
    throw new FormatError(`Fabric: ${endorsed.endorsements.length} endorsements, at most ${MAX_SIGNATURES} are read`);
  const endorsements = endorsed.endorsements.map((/** @type {Uint8Array} */ bytes) => {
    const { endorser, signature } = decode(bytes, messages.ENDORSEMENT);
    decode(endorser, messages.IDENTITY); // what cannot be read belongs to nobody
    return { endorser, signature };
  });
  return {
    signed: endorsed.response,
    proposalHash,
    chaincode: chaincodeId?.name ?? '',
    ...response,
    state: parseReadWriteSet(results),
    events,
    endorsements,
  };
}

/**
 * @param {Uint8Array} events
 * @param {Header} header
 */
function checkEvent(events, { txId, chaincode }) {
  if (events.length === 0) return;
  const event = decode(events, messages.EVENT);
  if (event.txId !== txId || event.chaincode !== chaincode)
    throw new FormatError(`Fabric: the event is of transaction ${event.txId} of chaincode ${event.chaincode}`);
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
 * Checks that a transaction calls a function of a ledger's chaincode with one argument, and that the
 * chaincode did it.
 * @param {Transaction} transaction
 * @param {string} ledger channel/chaincode
 * @param {string} called name of the function
 */
export function checkCall({ channel, chaincode, args, action }, ledger, called) {
  const asked = `${channel}/${chaincode}`;
  if (asked !== ledger) throw new FormatError(`the transaction is of ${asked}, not of ${ledger}`);
  const name = args.length > 0 ? fromUtf8(args[0]) : '';
  if (name !== called || args.length !== 2)
    throw new FormatError(`the transaction calls ${name} with ${args.length - 1} arguments, not ${called} with 1`);
  if (action.status !== 200) throw new FormatError(`the chaincode answered ${action.status} ${action.message}`);
}
