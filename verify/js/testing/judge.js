// SPDX-License-Identifier: Apache-2.0

/**
 * Tells a story, has it verified, and says what failed.
 * @module
 */

import { verify } from '../verify.js';
import { statement } from './scene.js';

/**
 * @param {any} net
 * @param {any} [change] what to spoil in the story
 * @param {{options?: import('../verify.js').Options, trust?: any}} [more] trust: fields of trust.json that differ
 */
export async function judged(net, change, { options = {}, trust = {} } = {}) {
  return verify(await statement(net, change), JSON.stringify({ ...net.trust, ...trust }), options);
}

/** @param {'failed' | 'skipped'} wanted */
const idsOf = (wanted) => (/** @type {import('../verdict.js').Report} */ report) =>
  report.checks.filter(({ outcome }) => outcome === wanted).map(({ id }) => id);

/** The ids of the checks that failed. */
export const failed = idsOf('failed');
/** The ids of the checks that were skipped. */
export const skipped = idsOf('skipped');
