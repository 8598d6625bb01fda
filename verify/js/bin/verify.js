#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0

/**
 * The verifier on the command line of Node. Exit status: 0 the statement holds, 1 it does not,
 * 2 the command could not be carried out.
 * @module
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { verify } from '../verify.js';

const USAGE =
  'usage: verify.js statement.cose --trust trust.json [--evidence more.cbor]... [--json] [--require attested:2]';

/** @param {import('../verdict.js').Report} report */
function print(report) {
  const lines = report.checks.map(({ id, outcome, detail }) => `${outcome.padEnd(7)} ${id.padEnd(20)} ${detail}`);
  lines.push(
    '',
    ...report.proven.map((sentence) => `proven: ${sentence}`),
    ...report.notProven.map((sentence) => `not proven: ${sentence}`),
  );
  lines.push(...report.notes.map((note) => `note: ${note}`), '', `reached: ${report.reached.join(', ') || 'nothing'}`);
  if (report.missing.length > 0) lines.push(`missing: ${report.missing.join('; ')}`);
  lines.push(report.ok ? 'The statement holds.' : 'The statement does not hold.');
  return lines.map(printable).join('\n');
}

/** @param {string} line without what steers a terminal */
function printable(line) {
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** @param {string[]} args */
async function main(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      trust: { type: 'string' },
      evidence: { type: 'string', multiple: true },
      json: { type: 'boolean' },
      require: { type: 'string' },
    },
  });
  if (positionals.length !== 1 || !values.trust) throw new Error(USAGE);
  const files = [positionals[0], values.trust, ...(values.evidence ?? [])];
  const [statement, trust, ...evidence] = (await Promise.all(files.map((file) => readFile(file)))).map(
    (file) => new Uint8Array(file),
  );
  const report = await verify(statement, trust, { require: values.require, evidence });
  if (report.fault) throw new Error(report.fault);
  console.log(values.json ? JSON.stringify(report, null, 2) : print(report));
  return report.ok ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(printable(error instanceof Error ? error.message : String(error)));
  process.exitCode = 2;
}
