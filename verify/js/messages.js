// SPDX-License-Identifier: Apache-2.0

/**
 * The messages of Hyperledger Fabric that a verifier reads: hyperledger/fabric-protos, packages
 * common, msp, protos, rwset and kvrwset.
 * @module
 */

/** @typedef {import('./protobuf.js').Schema} Schema */

/** @type {Schema} */
const chaincodeId = { path: [1, 'text'], name: [2, 'text'], version: [3, 'text'] };
/** @type {Schema} */
const header = { channelHeader: [1, 'bytes'], signatureHeader: [2, 'bytes'] };

/** common.Envelope @type {Schema} */
export const ENVELOPE = { payload: [1, 'bytes'], signature: [2, 'bytes'] };
/** common.Payload @type {Schema} */
export const PAYLOAD = { header: [1, header], data: [2, 'bytes'] };
/** common.ChannelHeader @type {Schema} */
export const CHANNEL_HEADER = {
  type: [1, 'uint'],
  version: [2, 'uint'],
  timestamp: [3, { seconds: [1, 'uint'], nanos: [2, 'uint'] }],
  channel: [4, 'text'],
  txId: [5, 'text'],
  epoch: [6, 'uint'],
  extension: [7, 'bytes'],
  tlsCertHash: [8, 'bytes'],
};
/** common.SignatureHeader @type {Schema} */
export const SIGNATURE_HEADER = { creator: [1, 'bytes'], nonce: [2, 'bytes'] };
/** msp.SerializedIdentity @type {Schema} */
export const IDENTITY = { mspId: [1, 'text'], certificate: [2, 'bytes'] };

/** common.Block @type {Schema} */
export const BLOCK = {
  header: [1, { number: [1, 'uint'], previousHash: [2, 'bytes'], dataHash: [3, 'bytes'] }],
  data: [2, { envelopes: [1, 'list'] }],
  metadata: [3, { entries: [1, 'list'] }],
};
/** common.Metadata @type {Schema} */
export const METADATA = { value: [1, 'bytes'], signatures: [2, 'list'] };
/** common.MetadataSignature @type {Schema} */
export const METADATA_SIGNATURE = {
  signatureHeader: [1, 'bytes'],
  signature: [2, 'bytes'],
  identifierHeader: [3, 'bytes'],
};
/** common.IdentifierHeader @type {Schema} */
export const IDENTIFIER_HEADER = { identifier: [1, 'uint'], nonce: [2, 'bytes'] };
/** common.OrdererBlockMetadata @type {Schema} */
export const ORDERER_METADATA = { lastConfig: [1, { index: [1, 'uint'] }], consenterMetadata: [2, 'bytes'] };

/** protos.ChaincodeHeaderExtension @type {Schema} */
export const EXTENSION = { chaincodeId: [2, chaincodeId] };
/** protos.Transaction @type {Schema} */
export const TRANSACTION = { actions: [1, 'list'] };
/** protos.TransactionAction @type {Schema} */
export const TRANSACTION_ACTION = { header: [1, 'bytes'], payload: [2, 'bytes'] };
/** protos.ChaincodeActionPayload @type {Schema} */
export const ACTION_PAYLOAD = {
  proposal: [1, 'bytes'],
  action: [2, { response: [1, 'bytes'], endorsements: [2, 'list'] }],
};
/** protos.ChaincodeProposalPayload @type {Schema} */
export const PROPOSAL_PAYLOAD = { input: [1, 'bytes'], transientMap: [2, 'list'] };
/** protos.ChaincodeInvocationSpec @type {Schema} */
export const INVOCATION = {
  spec: [
    1,
    {
      type: [1, 'uint'],
      chaincodeId: [2, chaincodeId],
      input: [3, { args: [1, 'list'], decorations: [2, 'list'], isInit: [3, 'uint'] }],
      timeout: [4, 'uint'],
    },
  ],
};
/** protos.ProposalResponsePayload @type {Schema} */
export const RESPONSE_PAYLOAD = { proposalHash: [1, 'bytes'], extension: [2, 'bytes'] };
/** protos.ChaincodeAction @type {Schema} */
export const CHAINCODE_ACTION = {
  results: [1, 'bytes'],
  events: [2, 'bytes'],
  response: [3, { status: [1, 'uint'], message: [2, 'text'], payload: [3, 'bytes'] }],
  chaincodeId: [4, chaincodeId],
};
/** protos.ChaincodeEvent @type {Schema} */
export const EVENT = { chaincode: [1, 'text'], txId: [2, 'text'], name: [3, 'text'], payload: [4, 'bytes'] };
/** protos.Endorsement @type {Schema} */
export const ENDORSEMENT = { endorser: [1, 'bytes'], signature: [2, 'bytes'] };

/** rwset.TxReadWriteSet @type {Schema} */
export const READ_WRITE_SET = { dataModel: [1, 'uint'], namespaces: [2, 'list'] };
/** rwset.NsReadWriteSet @type {Schema} */
export const NAMESPACE = { name: [1, 'text'], set: [2, 'bytes'], collections: [3, 'list'] };
/** kvrwset.KVRWSet @type {Schema} */
export const KEY_VALUE_SET = { reads: [1, 'list'], ranges: [2, 'list'], writes: [3, 'list'], metadata: [4, 'list'] };
/** kvrwset.KVRead @type {Schema} */
export const READ = { key: [1, 'text'], version: [2, { block: [1, 'uint'], index: [2, 'uint'] }] };
/** kvrwset.KVMetadataWrite @type {Schema} */
export const METADATA_WRITE = { key: [1, 'text'], entries: [2, 'list'] };
/** kvrwset.KVWrite @type {Schema} */
export const WRITE = { key: [1, 'text'], isDelete: [2, 'uint'], value: [3, 'bytes'] };
