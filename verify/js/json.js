// SPDX-License-Identifier: Apache-2.0

/**
 * JSON where it matters which bytes it is: a strict reader and the canonical form of RFC 8785.
 *
 * Unlike JSON.parse the reader refuses a name that comes twice, null, fractions, numbers that
 * are not exact, halves of surrogate pairs and deep nesting. An object that it returns has no
 * prototype.
 * @module
 */

import { FormatError, equal, fromUtf8, utf8 } from './bytes.js';

const MAX_DEPTH = 32;
const MAX_SIZE = 16 << 20;

class Reader {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  /** @param {string} what */
  fault(what) {
    return new FormatError(`JSON: ${what} at character ${this.at}`);
  }

  space() {
    while (' \t\n\r'.includes(this.text.charAt(this.at)) && this.at < this.text.length) this.at++;
  }

  /** @param {string} token */
  accept(token) {
    this.space();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  /** @param {string} token */
  expect(token) {
    if (!this.accept(token)) throw this.fault(`${token} is missing`);
  }

  /**
   * @param {number} depth
   * @returns {any}
   */
  value(depth) {
    if (depth > MAX_DEPTH) throw this.fault('nested too deep');
    this.space();
    switch (this.text.charAt(this.at)) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        this.expect('true');
        return true;
      case 'f':
        this.expect('false');
        return false;
      default:
        return this.integer();
    }
  }

  /** @param {number} depth */
  object(depth) {
    const out = Object.create(null);
    this.expect('{');
    if (this.accept('}')) return out;
    do {
      this.space();
      const name = this.string();
      if (name in out) throw this.fault(`the name ${JSON.stringify(name)} comes twice`);
      this.expect(':');
      out[name] = this.value(depth + 1);
    } while (this.accept(','));
    this.expect('}');
    return out;
  }

  /** @param {number} depth */
  array(depth) {
    /** @type {any[]} */
    const out = [];
    this.expect('[');
    if (this.accept(']')) return out;
    do out.push(this.value(depth + 1));
    while (this.accept(','));
    this.expect(']');
    return out;
  }

  string() {
    const literal = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    literal.lastIndex = this.at;
    const found = literal.exec(this.text);
    if (!found) throw this.fault('a string is missing or malformed');
    const text = JSON.parse(found[0]);
    if (/[\ud800-\udfff]/u.test(text)) throw this.fault('half of a surrogate pair');
    this.at = literal.lastIndex;
    return text;
  }

  integer() {
    const literal = /-?(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
    literal.lastIndex = this.at;
    const found = literal.exec(this.text);
    const number = found ? Number(found[0]) : NaN;
    if (!Number.isSafeInteger(number) || Object.is(number, -0))
      throw this.fault('neither a value nor a whole number within 2^53-1');
    this.at = literal.lastIndex;
    return number;
  }
}

/**
 * Reads one JSON document.
 * @param {Uint8Array} data
 * @returns {any}
 * @throws {FormatError}
 */
export function parseJson(data) {
  if (data.length > MAX_SIZE) throw new FormatError(`JSON: document of ${data.length} bytes`);
  const reader = new Reader(fromUtf8(data));
  const value = reader.value(0);
  reader.space();
  if (reader.at !== reader.text.length) throw reader.fault('something after the document');
  return value;
}

/**
 * The canonical form of RFC 8785 of what {@link parseJson} returns.
 * @param {any} value
 * @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    // The default order of JavaScript is the one that the RFC asks for: by UTF-16 code units.
    const members = Object.keys(value)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
    return `{${members.join(',')}}`;
  }
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value))
    return JSON.stringify(value);
  throw new FormatError(`JSON: ${typeof value} has no canonical form here`);
}

/**
 * Reads a document that has to be in canonical form.
 * @param {Uint8Array} data
 * @returns {any}
 * @throws {FormatError}
 */
export function parseCanonical(data) {
  const value = parseJson(data);
  if (!equal(utf8(canonical(value)), data))
    throw new FormatError('JSON: not in canonical form (RFC 8785: names sorted, no white space)');
  return value;
}
