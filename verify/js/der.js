// SPDX-License-Identifier: Apache-2.0

/**
 * The part of DER (X.690) that certificates, revocation lists and signatures need. Lengths are
 * the shortest, nothing may follow an element unnoticed.
 * @module
 */

import { FormatError, concat } from './bytes.js';

/** One element: its tag, its content, and its whole encoding. */
export class Der {
  /**
   * @param {number} tag
   * @param {Uint8Array} content
   * @param {Uint8Array} raw
   */
  constructor(tag, content, raw) {
    this.tag = tag;
    this.content = content;
    this.raw = raw;
  }

  /** @returns {Der[]} the elements of a SEQUENCE, a SET or an explicit tag */
  children() {
    if ((this.tag & 0x20) === 0) throw new FormatError('DER: the element holds no others');
    const out = [];
    for (let at = 0; at < this.content.length;) {
      const child = elementAt(this.content, at);
      out.push(child);
      at += child.raw.length;
    }
    return out;
  }

  /**
   * @param {number} tag
   * @returns {Der} this
   */
  expect(tag) {
    if (this.tag !== tag)
      throw new FormatError(`DER: tag 0x${this.tag.toString(16)} where 0x${tag.toString(16)} belongs`);
    return this;
  }

  /** @returns {Uint8Array} the digits of an INTEGER that is not negative, without leading zeros */
  unsigned() {
    const { content } = this.expect(0x02);
    const zero = content[0] === 0;
    if (content.length === 0 || content[0] & 0x80 || (zero && content.length > 1 && !(content[1] & 0x80))) {
      throw new FormatError('DER: not a whole number in its shortest form');
    }
    return zero ? content.subarray(1) : content;
  }

  /** @returns {string} an OBJECT IDENTIFIER in dotted form */
  oid() {
    const { content } = this.expect(0x06);
    /** @type {bigint[]} */
    const arcs = [];
    let arc = 0n;
    content.forEach((byte) => {
      arc = (arc << 7n) | BigInt(byte & 0x7f);
      if (byte & 0x80) return;
      arcs.push(arc);
      arc = 0n;
    });
    if (arcs.length === 0 || content[content.length - 1] & 0x80) throw new FormatError('DER: not an object identifier');
    const first = arcs[0] < 80n ? arcs[0] / 40n : 2n;
    return [first, arcs[0] - first * 40n, ...arcs.slice(1)].join('.');
  }

  /** @returns {boolean} */
  boolean() {
    const { content } = this.expect(0x01);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new FormatError('DER: not a boolean');
    return content[0] !== 0;
  }

  /** @returns {Uint8Array} the bytes of a BIT STRING of whole bytes */
  bits() {
    const { content } = this.expect(0x03);
    if (content[0] !== 0) throw new FormatError('DER: a bit string of no whole bytes');
    return content.subarray(1);
  }

  /** @returns {number} a UTCTime or GeneralizedTime in milliseconds since 1970 */
  time() {
    if (this.tag !== 0x17 && this.tag !== 0x18) throw new FormatError('DER: not a time');
    const text = String.fromCharCode(...this.content);
    const parts = (
      this.tag === 0x17 ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
    ).exec(text);
    if (!parts) throw new FormatError('DER: a time in an unknown form');
    const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
    const full = this.tag === 0x18 ? year : year < 50 ? 2000 + year : 1900 + year;
    const ms = Date.UTC(full, month - 1, day, hour, minute, second);
    const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14);
    if (!digits.endsWith(text.slice(0, -1))) throw new FormatError('DER: no such time');
    return ms;
  }
}

/**
 * @param {Uint8Array} data
 * @param {number} at
 */
function elementAt(data, at) {
  const tag = data[at];
  if (tag === undefined || (tag & 0x1f) === 0x1f) throw new FormatError('DER: no element, or a tag of several bytes');
  let length = data[at + 1];
  let start = at + 2;
  if (length === undefined) throw new FormatError('DER: ends within an element');
  if (length & 0x80) {
    const size = length & 0x7f;
    const digits = data.subarray(start, start + size);
    if (size === 0 || size > 3 || digits.length !== size) throw new FormatError('DER: bad length');
    length = digits.reduce((n, byte) => n * 256 + byte, 0);
    start += size;
    if (digits[0] === 0 || length < 0x80) throw new FormatError('DER: length is not the shortest');
  }
  const end = start + length;
  if (end > data.length) throw new FormatError('DER: ends within an element');
  return new Der(tag, data.subarray(start, end), data.subarray(at, end));
}

/**
 * Reads the one element that data consists of.
 * @param {Uint8Array} data
 * @param {number} tag that it must have
 * @returns {Der}
 */
export function readDer(data, tag) {
  const element = elementAt(data, 0).expect(tag);
  if (element.raw.length !== data.length) throw new FormatError('DER: bytes after the element');
  return element;
}

/**
 * @param {number} tag
 * @param {...Uint8Array} contents
 * @returns {Uint8Array}
 */
export function encodeDer(tag, ...contents) {
  const content = concat(...contents);
  const digits = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  const length = content.length < 0x80 ? [content.length] : [0x80 | digits.length, ...digits];
  return concat(Uint8Array.of(tag, ...length), content);
}

/**
 * @param {bigint} value not negative
 * @returns {Uint8Array} an INTEGER
 */
export function encodeUnsigned(value) {
  let text = value.toString(16);
  text = text.padStart(text.length + (text.length % 2), '0');
  if (parseInt(text.slice(0, 2), 16) & 0x80) text = '00' + text;
  return encodeDer(
    0x02,
    Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16)),
  );
}
