#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0

// An Anchorline device in JavaScript. It signs readings (COSE_Sign1, Ed25519), keeps each one on disk
// until its receipt was verified, and sends again what has none. See README.md and docs/devices.md.
//
//   device.mjs request OWNER/ID CHANNEL
//   device.mjs publish OWNER/ID BROKER-URL STREAM STREAM-KEY VALUE [SECONDS]

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { Tag, decode, encode } from '../../verify/js/cbor.js';
import { PublicKey } from '../../verify/js/key.js';
import { parseReceipt, rootOf } from '../../verify/js/receipt.js';

const SENML_JSON = 110;
const [command, name, ...args] = process.argv.slice(2);
const id = name?.split('/')[1];

/** Writes a file so that after a power cut it is there as a whole, or the one before is. */
function writeDurably(path, text) {
  const file = openSync(`${path}.tmp`, 'w', 0o600);
  writeFileSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.tmp`, path);
  const folder = openSync('.', 'r'); // the new name has to survive too
  fsyncSync(folder);
  closeSync(folder);
}

/** Reads the device's private key, PKCS#8 PEM. */
function loadKey() {
  const key = createPrivateKey(readFileSync(`${id}.key`));
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${id}.key is no Ed25519 key`);
  const x = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x, 'base64url');
  return { key, x: new Uint8Array(x) };
}

/** Signs a COSE_Sign1. Maps are sorted by encode(), and a number that is no integer is refused. */
function sign1({ key }, protectedHeader, payload) {
  const header = encode(protectedHeader);
  const toBeSigned = encode(['Signature1', header, new Uint8Array(0), payload]);
  const signature = new Uint8Array(sign(null, toBeSigned, key));
  return encode(new Tag(18, [header, new Map(), payload, signature]));
}

const utf8 = (text) => new TextEncoder().encode(text);
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** Makes the key, once, and prints the line that the operator gives to `anchorline device import`. */
async function request(channel) {
  if (!existsSync(`${id}.key`)) {
    writeDurably(`${id}.key`, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
  const own = loadKey();
  const coseKey = encode(new Map([[1, 1], [-1, 6], [-2, own.x]])); // prettier-ignore
  const kid = Buffer.from((await PublicKey.parse(coseKey)).id, 'hex');
  const header = new Map([[1, -8], [4, new Uint8Array(kid)], [16, 'application/anchorline-possession+cwt']]); // prettier-ignore
  const proof = sign1(own, header, encode(new Map([[1, name], [3, channel]]))); // prettier-ignore
  console.log(JSON.stringify({ id, key: base64url(coseKey), proof: base64url(proof) }));
}

/** The device's memory: the last number that was used, and the readings that wait for a receipt. */
function loadState() {
  return existsSync(`${id}.state`) ? JSON.parse(readFileSync(`${id}.state`, 'utf8')) : { last: 0, waiting: {} };
}

/** Signs the next reading and stores it with its number in one write, before anybody can send it. */
async function measure(state, value) {
  const own = loadKey();
  const sequence = state.last + 1;
  const kid = Buffer.from((await PublicKey.ed25519(own.x)).id, 'hex');
  const claims = new Map([[1, name], [2, id], [-70001, sequence], [-70002, Date.now()]]); // prettier-ignore
  const typ = 'application/anchorline-reading+cose';
  const header = new Map([[1, -8], [3, SENML_JSON], [4, new Uint8Array(kid)], [15, claims], [16, typ]]); // prettier-ignore
  const payload = utf8(JSON.stringify([{ bn: `${id}:`, n: 'temperature', u: 'Cel', v: value }]));
  state.last = sequence;
  state.waiting[sequence] = base64url(sign1(own, header, payload));
  writeDurably(`${id}.state`, JSON.stringify(state));
}

/** Throws unless the stream's key signed the root of a tree that holds the reading. */
async function verify(bytes, reading, stream, key) {
  const receipt = parseReceipt(bytes);
  if (receipt.stream !== stream) throw new Error(`it is of stream ${receipt.stream}`);
  if (receipt.kid !== key.id || receipt.algorithm !== key.algorithm) throw new Error(`it is signed by key ${receipt.kid}`);
  const root = await rootOf(receipt.proof, reading);
  if (!(await receipt.message.verify(key, root))) throw new Error('the signature does not fit this reading');
  return receipt;
}

/** Takes one message of receipts, [[sequence, receipt], …], and forgets the readings that they prove. */
async function take(message, state, stream, key) {
  for (const [sequence, bytes] of decode(new Uint8Array(message))) {
    const waiting = state.waiting[sequence];
    if (!waiting) continue; // proven before
    try {
      const r = await verify(bytes, new Uint8Array(Buffer.from(waiting, 'base64url')), stream, key);
      delete state.waiting[sequence];
      writeDurably(`${id}.state`, JSON.stringify(state));
      const place = `reading ${r.proof.index + 1} of ${r.proof.size} in batch ${r.number} of ${r.stream}`;
      console.log(`receipt of ${sequence} verified: ${place}, transaction ${r.transaction}`);
    } catch (error) {
      console.error(`receipt of ${sequence} refused: ${error.message}`);
    }
  }
}

/** Sends every reading that waits for its receipt. */
async function send(client, state) {
  const topic = `anchorline/v1/${name.replace('/', '/devices/')}`;
  await client.subscribeAsync(`${topic}/receipts`, { qos: 1 });
  for (const [sequence, reading] of Object.entries(state.waiting)) {
    await client.publishAsync(`${topic}/readings`, Buffer.from(reading, 'base64url'), { qos: 1 });
    console.log(`reading ${sequence} published`);
  }
}

/** Signs a reading, sends it and what waited before, and ends when all receipts were verified. */
async function publish(url, stream, streamKey, value, seconds = '30') {
  const [state, key] = [loadState(), await PublicKey.fromText(streamKey)];
  if (!Number.isFinite(Number(value))) throw new Error(`${value} is no number`);
  await measure(state, Number(value));
  const client = mqtt.connect(url, { clientId: `anchorline-device-${name}`, clean: false, connectTimeout: 5000 });
  client.on('error', (error) => console.error(`broker: ${error.message || error.code}`));
  let taking = Promise.resolve(); // one message after another
  const done = new Promise((resolve) => {
    client.on('message', (_, message) => {
      taking = taking
        .then(() => take(message, state, stream, key))
        .catch((error) => console.error(`receipts refused: ${error.message}`))
        .then(() => Object.keys(state.waiting).length === 0 && resolve(true));
    });
    setTimeout(resolve, Number(seconds) * 1000, false);
  });
  client.on('connect', () => {
    send(client, state).catch((error) => console.error(`not sent: ${error.message}`)); // again when it connects again
  });
  const proven = await done;
  if (!proven) console.error(`no receipt yet of readings ${Object.keys(state.waiting)}: kept, and sent again next time`);
  await client.endAsync(!proven);
  process.exit(proven ? 0 : 1);
}

if (command === 'request' && args.length === 1) await request(...args);
else if (command === 'publish' && args.length >= 4) await publish(...args);
else {
  console.error('usage: device.mjs request OWNER/ID CHANNEL\n       device.mjs publish OWNER/ID BROKER-URL STREAM STREAM-KEY VALUE [SECONDS]');
  process.exit(2);
}
