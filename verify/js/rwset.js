// SPDX-License-Identifier: Apache-2.0

/**
 * What a transaction of Hyperledger Fabric reads and writes of the chaincodes' state.
 * @module
 */

import { FormatError } from './bytes.js';
import * as messages from './messages.js';
import { decode } from './protobuf.js';

/**
 * @typedef {object} Write
 * @property {string} key
 * @property {boolean} isDelete
 * @property {Uint8Array} value
 */

/**
 * @typedef {object} Access what is read and written of one chaincode's state
 * @property {Map<string, {block: number, index: number}>} reads the version of each key that had a value:
 * which transaction wrote it last
 * @property {Write[]} writes
 */

/**
 * @param {Uint8Array} bytes rwset.TxReadWriteSet
 * @returns {Map<string, Access>} by the name of the chaincode
 * @throws {FormatError}
 */
export function parseReadWriteSet(bytes) {
  const { dataModel, namespaces } = decode(bytes, messages.READ_WRITE_SET);
  if (dataModel !== 0) throw new FormatError(`Fabric: data model ${dataModel} is unknown`);
  /** @type {Map<string, Access>} */
  const found = new Map();
  for (const namespace of namespaces) {
    const { name, set } = decode(namespace, messages.NAMESPACE);
    if (found.has(name)) throw new FormatError(`Fabric: the state of chaincode ${name} is there twice`);
    found.set(name, parseAccess(set));
  }
  return found;
}

/**
 * @param {Uint8Array} bytes kvrwset.KVRWSet
 * @returns {Access}
 */
function parseAccess(bytes) {
  const set = decode(bytes, messages.KEY_VALUE_SET);
  const reads = distinct(set.reads, messages.READ);
  const writes = distinct(set.writes, messages.WRITE);
  distinct(set.metadata, messages.METADATA_WRITE);
  if (writes.some(({ isDelete, value }) => isDelete !== 0 && value.length > 0)) {
    throw new FormatError('Fabric: a key is deleted and written');
  }
  return {
    reads: new Map(reads.filter(({ version }) => version).map(({ key, version }) => [key, version])),
    writes: writes.map(({ key, isDelete, value }) => ({ key, isDelete: isDelete !== 0, value })),
  };
}

/**
 * @param {Uint8Array[]} list
 * @param {import('./protobuf.js').Schema} schema with a key, which may come once
 * @returns {Record<string, any>[]}
 */
function distinct(list, schema) {
  const decoded = list.map((bytes) => decode(bytes, schema));
  if (new Set(decoded.map(({ key }) => key)).size !== list.length)
    throw new FormatError('Fabric: a key is there twice');
  return decoded;
}
