// SPDX-License-Identifier: Apache-2.0

/**
 * Verifies many statements in one process: a line of JSON in for each, a line of JSON out. Tests of the
 * Go verifier compare the two verifiers with it.
 * @module
 */

import { createInterface } from 'node:readline';

import { verify } from '../verify.js';

const bytes = (/** @type {string} */ base64) => new Uint8Array(Buffer.from(base64, 'base64'));

for await (const line of createInterface({ input: process.stdin })) {
  const { statement, trust } = JSON.parse(line);
  const { ok, fault, reached, checks, asOf, position } = await verify(bytes(statement), bytes(trust));
  const outcomes = Object.fromEntries(checks.map(({ id, outcome }) => [id, outcome]));
  console.log(JSON.stringify({ ok, fault: fault ?? '', reached, outcomes, asOf: asOf ?? null, position: position ?? null }));
}
