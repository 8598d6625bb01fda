// SPDX-License-Identifier: Apache-2.0

/**
 * Files that tests read from outside the folder, and vectors that nobody here wrote.
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/**
 * Where vectors are: ../shared beside the repository, or ANCHORLINE_SHARED.
 * @param {...string} parts
 */
export function sharedPath(...parts) {
  const candidates = [process.env.ANCHORLINE_SHARED, join(root, '..', 'shared'), join(root, '..', '..', 'shared')];
  const folder = candidates.find((path) => path && existsSync(path)) ?? join(root, '..', 'shared');
  return join(folder, 'vectors', ...parts);
}

/**
 * Skips a test, saying so, where its vectors are absent.
 * @param {string} path
 * @returns {{skip: string | false}}
 */
export function needs(path) {
  return { skip: existsSync(path) ? false : `${path} is absent: these vectors are NOT checked` };
}

/** @param {string} path */
export function read(path) {
  return new Uint8Array(readFileSync(path));
}

/** @param {string} path */
export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
