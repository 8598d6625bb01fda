// SPDX-License-Identifier: Apache-2.0

/**
 * Inclusion in a Merkle tree of RFC 9162 with SHA-256.
 * @module
 */

import { FormatError, sha256 } from './bytes.js';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** @param {Uint8Array} leaf */
export function leafHash(leaf) {
  return sha256(LEAF, leaf);
}

/**
 * How many hashes an inclusion path has.
 * @param {number} size leaves in the tree, at least 1
 * @param {number} index of the leaf, from 0
 */
export function pathLength(size, index) {
  let [length, fn, sn] = [0, BigInt(index), BigInt(size) - 1n];
  for (; sn > 0n; fn >>= 1n, sn >>= 1n) {
    if (fn & 1n || fn !== sn) length++;
  }
  return length;
}

/**
 * The root to which a path leads (RFC 9162 §2.1.3.2).
 * @param {number} size
 * @param {number} index
 * @param {Uint8Array} hash of the leaf
 * @param {Uint8Array[]} path from the leaf's sibling up
 * @returns {Promise<Uint8Array>}
 */
export async function rootFromInclusion(size, index, hash, path) {
  if (index >= size) throw new FormatError(`leaf ${index} is not in a tree of ${size}`);
  if (path.length !== pathLength(size, index)) {
    throw new FormatError(`path of ${path.length} hashes, not ${pathLength(size, index)}`);
  }
  let [fn, sn, root] = [BigInt(index), BigInt(size) - 1n, hash];
  for (const sibling of path) {
    if (fn & 1n || fn === sn) {
      root = await sha256(NODE, sibling, root);
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      root = await sha256(NODE, root, sibling);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return root;
}
