// SPDX-License-Identifier: Apache-2.0

/**
 * The wire format of Protocol Buffers, as far as Fabric's messages need it, in the one encoding
 * that Fabric writes: known fields only, in the order of their numbers, each once unless it
 * repeats, none that holds its default, numbers in their shortest form. Two readers then cannot
 * see different messages in the same bytes.
 * @module
 */

import { FormatError, concat, fromUtf8 } from './bytes.js';

/**
 * @typedef {'uint' | 'bytes' | 'text' | 'list' | Schema} Kind a list is of byte strings or
 * messages, each given as bytes; a schema is a message within the message
 */
/** @typedef {{[field: string]: [number, Kind]}} Schema the fields of a message: number and kind */

const [VARINT, BYTES] = [0, 2];
const NOTHING = new Uint8Array(0);

class Reader {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  /** @returns {number} a number within 2^53-1 */
  varint() {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.data[this.at++];
      if (byte === undefined) throw new FormatError('protobuf: ends within a number');
      value += (byte & 0x7f) * scale;
      if (byte & 0x80) continue;
      if ((byte === 0 && scale > 1) || !Number.isSafeInteger(value)) break;
      return value;
    }
    throw new FormatError('protobuf: number is not in its shortest form, or beyond 2^53-1');
  }

  /** @returns {Uint8Array} */
  bytes() {
    const size = this.varint();
    if (size > this.data.length - this.at) throw new FormatError('protobuf: ends within a field');
    this.at += size;
    return this.data.subarray(this.at - size, this.at);
  }
}

/**
 * Reads a message. A field that is absent has its default: 0, no bytes, "", an empty list; a
 * message within is null.
 * @param {Uint8Array} data
 * @param {Schema} schema
 * @returns {Record<string, any>}
 * @throws {FormatError}
 */
export function decode(data, schema) {
  const fields = new Map(Object.entries(schema).map(([name, [number, kind]]) => [number, { name, kind }]));
  /** @type {Record<string, any>} */
  const out = Object.fromEntries(Object.entries(schema).map(([name, [, kind]]) => [name, initial(kind)]));
  const reader = new Reader(data);
  for (let last = 0; reader.at < data.length;) {
    const tag = reader.varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    const field = fields.get(number);
    if (!field) throw new FormatError(`protobuf: field ${number} is unknown`);
    const { name, kind } = field;
    if (type !== (kind === 'uint' ? VARINT : BYTES)) throw new FormatError(`protobuf: ${name} is of wire type ${type}`);
    if (number < last || (number === last && kind !== 'list'))
      throw new FormatError(`protobuf: ${name} comes twice or out of order`);
    last = number;
    if (kind === 'list') out[name].push(reader.bytes());
    else out[name] = single(reader, name, kind);
  }
  return out;
}

/** @param {Kind} kind */
function initial(kind) {
  switch (kind) {
    case 'uint':
      return 0;
    case 'bytes':
      return NOTHING;
    case 'text':
      return '';
    case 'list':
      return [];
    default:
      return null;
  }
}

/**
 * @param {Reader} reader
 * @param {string} name
 * @param {Kind} kind
 */
function single(reader, name, kind) {
  if (typeof kind === 'object') return decode(reader.bytes(), kind);
  const value = kind === 'uint' ? reader.varint() : reader.bytes();
  if (value === 0 || (value instanceof Uint8Array && value.length === 0))
    throw new FormatError(`protobuf: ${name} holds its default`);
  return kind === 'text' ? fromUtf8(/** @type {Uint8Array} */ (value)) : value;
}

/**
 * @param {number} number below 16
 * @param {Uint8Array} value
 * @returns {Uint8Array} a field of bytes
 */
export function encodeField(number, value) {
  const head = [(number << 3) | BYTES];
  let size = value.length;
  for (; size >= 0x80; size = Math.floor(size / 0x80)) head.push((size % 0x80) | 0x80);
  return concat(Uint8Array.of(...head, size), value);
}
