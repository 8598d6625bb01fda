// SPDX-License-Identifier: Apache-2.0

/**
 * The wire format of Protocol Buffers, as far as Fabric's messages need it. A field that is not
 * named is skipped; a field that may come once and comes twice is refused, where others would
 * merge or overwrite, so that no two readers see different messages in the same bytes.
 * @module
 */

import { FormatError, concat, equal } from './bytes.js';

const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];

/** The fields of a message, by number, in the order in which they come. */
export class Message {
  /** @param {Uint8Array} data */
  constructor(data) {
    /** @type {Map<number, (bigint | Uint8Array)[]>} */
    this.fields = new Map();
    for (const { number, value } of read(data)) {
      this.fields.set(number, [...(this.fields.get(number) ?? []), value]);
    }
  }

  /**
   * @param {number} number
   * @returns {bigint | Uint8Array | undefined}
   */
  once(number) {
    const values = this.fields.get(number) ?? [];
    if (values.length > 1) throw new FormatError(`protobuf: field ${number} comes ${values.length} times`);
    return values[0];
  }

  /**
   * @param {number} number
   * @returns {Uint8Array} empty when the field is absent
   */
  bytes(number) {
    const value = this.once(number) ?? new Uint8Array(0);
    if (!(value instanceof Uint8Array)) throw new FormatError(`protobuf: field ${number} is not a byte string`);
    return value;
  }

  /**
   * @param {number} number
   * @returns {string}
   */
  text(number) {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes(number));
  }

  /** @param {number} number */
  message(number) {
    return new Message(this.bytes(number));
  }

  /**
   * @param {number} number
   * @returns {Uint8Array[]}
   */
  list(number) {
    const values = this.fields.get(number) ?? [];
    return values.map((value) => {
      if (!(value instanceof Uint8Array)) throw new FormatError(`protobuf: field ${number} is not a byte string`);
      return value;
    });
  }

  /**
   * @param {number} number
   * @returns {bigint} 0 when the field is absent
   */
  uint(number) {
    const value = this.once(number) ?? 0n;
    if (typeof value !== 'bigint') throw new FormatError(`protobuf: field ${number} is not a number`);
    return value;
  }

  /**
   * @param {number} number
   * @returns {number} within 2^53-1
   */
  number(number) {
    const value = Number(this.uint(number));
    if (!Number.isSafeInteger(value)) throw new FormatError(`protobuf: field ${number} is beyond 2^53-1`);
    return value;
  }
}

/**
 * @param {Uint8Array} data
 * @returns {Generator<{number: number, value: bigint | Uint8Array}>}
 */
function* read(data) {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= data.length) throw new FormatError('protobuf: ends within a number');
      const byte = data[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (!(byte & 0x80)) {
        if (value >= 1n << 64n) break;
        return value;
      }
    }
    throw new FormatError('protobuf: number of more than 64 bits');
  };
  const take = (size) => {
    if (size > data.length - at) throw new FormatError('protobuf: ends within a field');
    at += size;
    return data.subarray(at - size, at);
  };
  while (at < data.length) {
    const key = varint();
    const number = Number(key >> 3n);
    if (number < 1 || number > 0x1fffffff) throw new FormatError('protobuf: no field has this number');
    yield { number, value: fieldValue(Number(key & 7n), varint, take) };
  }
}

/**
 * @param {number} type
 * @param {() => bigint} varint
 * @param {(size: number) => Uint8Array} take
 */
function fieldValue(type, varint, take) {
  switch (type) {
    case VARINT:
      return varint();
    case FIXED64:
      return take(8);
    case FIXED32:
      return take(4);
    case BYTES: {
      const size = varint();
      return take(size > 0xffffffffn ? Infinity : Number(size));
    }
    default:
      throw new FormatError(`protobuf: wire type ${type}`);
  }
}

/**
 * @param {number} number
 * @param {Uint8Array} value
 * @returns {Uint8Array} a field of bytes as every encoder writes it
 */
export function encodeField(number, value) {
  const head = [(number << 3) | BYTES];
  let size = value.length;
  for (; size >= 0x80; size = Math.floor(size / 0x80)) head.push((size % 0x80) | 0x80);
  return concat(Uint8Array.of(...head, size), value);
}

/**
 * Whether data is exactly the fields of bytes given, each once and in order.
 * @param {Uint8Array} data
 * @param {Message} message that was read from it
 * @param {number[]} numbers below 16
 */
export function isExactly(data, message, numbers) {
  return equal(data, concat(...numbers.map((number) => encodeField(number, message.bytes(number)))));
}
