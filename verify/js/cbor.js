// SPDX-License-Identifier: Apache-2.0

/**
 * CBOR in the core deterministic encoding of RFC 8949 §4.2.1, and nothing else: definite
 * lengths, shortest heads, map keys sorted bytewise and unique, no byte after the item.
 * Floating point numbers are refused: no format of ours has one.
 *
 * Decoded, an unsigned or negative integer is a number, and a bigint where a number cannot
 * hold it; a byte string is a Uint8Array, text a string, an array an Array, a map a
 * {@link CborMap}, a tag a {@link Tag}; true, false, null and undefined are themselves.
 * @module
 */

import { FormatError, compare, concat, equal, fromUtf8, utf8 } from './bytes.js';

const MAX_DEPTH = 16;

/** A tagged item. */
export class Tag {
  /**
   * @param {number | bigint} number
   * @param {any} value
   */
  constructor(number, value) {
    this.number = number;
    this.value = value;
  }
}

/** A map, in the order of its encoded keys. `raw` is its encoding. */
export class CborMap {
  /**
   * @param {[any, any][]} entries
   * @param {Uint8Array} raw
   */
  constructor(entries, raw) {
    this.entries = entries;
    this.raw = raw;
  }

  get size() {
    return this.entries.length;
  }

  keys() {
    return this.entries.map(([key]) => key);
  }

  /** @param {number | string} key */
  has(key) {
    return this.entries.some(([k]) => k === key);
  }

  /**
   * @param {number | string} key
   * @returns {any} undefined when there is none
   */
  get(key) {
    return this.entries.find(([k]) => k === key)?.[1];
  }
}

class Decoder {
  /**
   * @param {Uint8Array} data
   * @param {boolean} anyOrder
   */
  constructor(data, anyOrder) {
    this.data = data;
    this.anyOrder = anyOrder;
    this.at = 0;
  }

  /** @param {number} n */
  take(n) {
    if (n > this.data.length - this.at) throw new FormatError(`CBOR: ends within the item at byte ${this.at}`);
    this.at += n;
    return this.data.subarray(this.at - n, this.at);
  }

  /** @returns {{major: number, info: number, value: bigint}} */
  head() {
    const start = this.at;
    const [first] = this.take(1);
    const [major, info] = [first >> 5, first & 0x1f];
    if (info < 24) return { major, info, value: BigInt(info) };
    if (info > 27) throw new FormatError(`CBOR: indefinite or reserved length at byte ${start}`);
    const size = 1 << (info - 24);
    const value = this.take(size).reduce((n, byte) => (n << 8n) | BigInt(byte), 0n);
    const least = [24n, 0x100n, 0x10000n, 0x100000000n][info - 24];
    if (major !== 7 && value < least) throw new FormatError(`CBOR: head is not the shortest at byte ${start}`);
    return { major, info, value };
  }

  /** @param {bigint} value a length or count of items, each at least one byte long */
  count(value) {
    if (value > BigInt(this.data.length - this.at)) {
      throw new FormatError(`CBOR: ${value} items or bytes announced at byte ${this.at}, beyond the end`);
    }
    return Number(value);
  }

  /**
   * @param {number} depth
   * @returns {any}
   */
  item(depth) {
    if (depth > MAX_DEPTH) throw new FormatError(`CBOR: nested more than ${MAX_DEPTH} deep`);
    const start = this.at;
    const { major, info, value } = this.head();
    switch (major) {
      case 0:
        return small(value);
      case 1:
        return small(-1n - value);
      case 2:
        return this.take(this.count(value)).slice();
      case 3:
        return fromUtf8(this.take(this.count(value)));
      case 4:
        return Array.from({ length: this.count(value) }, () => this.item(depth + 1));
      case 5:
        return this.map(this.count(value), start, depth);
      case 6:
        return new Tag(small(value), this.item(depth + 1));
      default:
        return simple(info, start);
    }
  }

  /**
   * @param {number} count
   * @param {number} start
   * @param {number} depth
   */
  map(count, start, depth) {
    /** @type {[any, any][]} */
    const entries = [];
    /** @type {Uint8Array[]} */
    const keys = [];
    for (let i = 0; i < count; i++) {
      const keyStart = this.at;
      const key = this.item(depth + 1);
      const encoded = this.data.subarray(keyStart, this.at);
      const misplaced = this.anyOrder
        ? keys.some((k) => equal(k, encoded))
        : i > 0 && compare(keys[i - 1], encoded) >= 0;
      if (misplaced) throw new FormatError(`CBOR: map key at byte ${keyStart} is out of order or comes twice`);
      keys.push(encoded);
      entries.push([key, this.item(depth + 1)]);
    }
    return new CborMap(entries, this.data.slice(start, this.at));
  }
}

/** @param {bigint} value */
function small(value) {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/**
 * @param {number} info
 * @param {number} start
 */
function simple(info, start) {
  const known = new Map([
    [20, false],
    [21, true],
    [22, null],
    [23, undefined],
  ]);
  if (!known.has(info)) throw new FormatError(`CBOR: unsupported simple or floating point value at byte ${start}`);
  return known.get(info);
}

/**
 * Decodes the one item that data consists of.
 * @param {Uint8Array} data
 * @param {{anyOrder?: boolean}} [options] anyOrder: keys of maps need not be sorted, as others write them
 * @returns {any}
 * @throws {FormatError}
 */
export function decode(data, { anyOrder = false } = {}) {
  const decoder = new Decoder(data, anyOrder);
  const value = decoder.item(0);
  if (decoder.at !== data.length) throw new FormatError(`CBOR: ${data.length - decoder.at} bytes after the item`);
  return value;
}

/**
 * @param {number} major
 * @param {number | bigint} value
 */
function encodeHead(major, value) {
  if (value < 24) return Uint8Array.of((major << 5) | Number(value));
  const [info, size] = value < 0x100 ? [24, 1] : value < 0x10000 ? [25, 2] : value < 0x100000000 ? [26, 4] : [27, 8];
  const out = new Uint8Array(1 + size);
  out[0] = (major << 5) | info;
  let rest = BigInt(value);
  for (let i = size; i > 0; i--, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}

/**
 * Encodes integers, byte strings, text, null, booleans, arrays, tags and maps (a Map or CborMap).
 * @param {any} value
 * @returns {Uint8Array}
 */
export function encode(value) {
  if (value instanceof Uint8Array) return concat(encodeHead(2, value.length), value);
  if (value instanceof Tag) return concat(encodeHead(6, value.number), encode(value.value));
  if (value instanceof CborMap) return value.raw;
  if (value instanceof Map) return encodeMap(value);
  if (Array.isArray(value)) return concat(encodeHead(4, value.length), ...value.map(encode));
  if (typeof value === 'string') return concat(encodeHead(3, utf8(value).length), utf8(value));
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    return value < 0 ? encodeHead(1, -1n - BigInt(value)) : encodeHead(0, value);
  }
  const simples = [
    [false, 0xf4],
    [true, 0xf5],
    [null, 0xf6],
  ];
  const known = simples.find(([v]) => v === value);
  if (!known) throw new FormatError(`CBOR: cannot encode ${typeof value}`);
  return Uint8Array.of(Number(known[1]));
}

/** @param {Map<any, any>} map */
function encodeMap(map) {
  const pairs = [...map].map(([key, value]) => [encode(key), encode(value)]);
  pairs.sort(([a], [b]) => compare(a, b));
  if (pairs.some(([key], i) => i > 0 && equal(key, pairs[i - 1][0])))
    throw new FormatError('CBOR: map key comes twice');
  return concat(encodeHead(5, pairs.length), ...pairs.flat());
}
