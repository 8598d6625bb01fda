// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import test from 'node:test';

import { GRACE, judgeDevice, judgeStream } from '../standing.js';

const at = (time, tx = `tx${time}`) => ({ time, tx });
const KEY = '00000000000000aa';
const key = (more = {}) => ({ id: KEY, algorithm: 'ES256', public: '', from: at(1000), ...more });
const device = (more = {}) => ({
  type: 'device',
  id: 'pump',
  owner: 'Org1MSP',
  status: 'active',
  keys: [key()],
  registered: at(1000),
  ...more,
});
const stream = (more = {}) => ({
  type: 'stream',
  id: 'bridge',
  owner: 'Org1MSP',
  bridge: '',
  keys: [key()],
  opened: at(1000),
  ...more,
});
const reasonOf = (d, time, order) => judgeDevice(/** @type {any} */ (d), KEY, at(time), order).reason;

test('a device vouches from its registration on', () => {
  assert.equal(reasonOf(device(), 999), 'not-registered');
  assert.equal(reasonOf(device(), 1000), 'ok');
  assert.equal(reasonOf(device(), 9000), 'ok');
  assert.equal(reasonOf(device({ keys: [] }), 9000), 'unknown-key');
  assert.equal(reasonOf(device({ keys: [key({ from: at(2000) })] }), 1999), 'key-not-yet');
  assert.equal(reasonOf(device({ keys: [key({ from: at(2000) })] }), 2000), 'ok');
});

test('a revoked, transferred or suspended device vouches for nothing', () => {
  assert.equal(reasonOf(device({ revoked: at(2000) }), 1999), 'ok');
  assert.equal(reasonOf(device({ revoked: at(2000) }), 2000), 'revoked');
  assert.equal(reasonOf(device({ transferred: at(2000), transferredTo: 'Org2MSP/pump' }), 2000), 'transferred');
  assert.equal(reasonOf(device({ transferred: at(2000), revoked: at(3000) }), 3000), 'revoked');
  const suspensions = [{ from: at(2000), until: at(3000) }, { from: at(4000) }];
  for (const [time, reason] of [
    [1999, 'ok'],
    [2000, 'suspended'],
    [2999, 'suspended'],
    [3000, 'ok'],
    [4000, 'suspended'],
    [90000, 'suspended'],
  ]) {
    assert.equal(reasonOf(device({ suspensions }), time), reason, `${time}`);
  }
});

test('a key that authorised its successor vouches 24 hours longer, a replaced one does not', () => {
  const rotated = device({ keys: [key({ until: at(5000) })] });
  assert.equal(reasonOf(rotated, 5000), 'ok');
  assert.equal(reasonOf(rotated, 5000 + GRACE - 1), 'ok');
  assert.equal(reasonOf(rotated, 5000 + GRACE), 'key-ended');
  const replaced = device({ keys: [key({ until: at(5000), reason: 'stolen' })] });
  assert.equal(reasonOf(replaced, 4999), 'ok');
  assert.equal(reasonOf(replaced, 5000), 'key-replaced');
});

test('positions decide before times do', () => {
  const positions = new Map([
    ['tx2000', { block: 7, index: 3 }],
    ['tx2500', { block: 7, index: 2 }],
    ['tx1500', { block: 8, index: 0 }],
  ]);
  const order = (tx) => positions.get(tx);
  const revoked = device({ revoked: at(2000) });
  assert.equal(reasonOf(revoked, 2500), 'revoked', 'by time');
  assert.equal(reasonOf(revoked, 2500, order), 'ok', 'earlier in the block');
  assert.equal(reasonOf(revoked, 1500), 'ok', 'by time');
  assert.equal(reasonOf(revoked, 1500, order), 'revoked', 'a block later');
  assert.equal(reasonOf(revoked, 2600, order), 'revoked', 'one position is not enough');
  assert.equal(
    judgeDevice(/** @type {any} */ (revoked), KEY, at(2000), order).reason,
    'revoked',
    'the same transaction',
  );
});

test('an owner may disown what was signed while the key stood, within its own time', () => {
  const repudiation = (d, time) => judgeDevice(/** @type {any} */ (d), KEY, at(time)).repudiated ?? null;
  const revoked = device({ revoked: at(5000), compromisedSince: 3000, statusReason: 'stolen' });
  assert.equal(repudiation(revoked, 2999), null);
  assert.deepEqual(repudiation(revoked, 3000), { by: 'Org1MSP', at: at(5000), since: 3000, reason: 'stolen' });
  assert.equal(
    repudiation(device({ compromisedSince: 3000 }), 4000),
    null,
    'a device that is not revoked is not disowned',
  );
  assert.equal(repudiation(device({ revoked: at(5000), compromisedSince: 0 }), 4000), null);
  const replaced = device({ keys: [key({ until: at(5000), reason: 'stolen', compromisedSince: 3000 })] });
  assert.equal(repudiation(replaced, 2999), null);
  assert.deepEqual(repudiation(replaced, 4999), { by: 'Org1MSP', at: at(5000), since: 3000, reason: 'stolen' });
  assert.equal(
    repudiation(device({ keys: [key({ compromisedSince: 3000 })] }), 4000),
    null,
    'an open key is not disowned',
  );
  const early = device({
    registered: at(4000),
    keys: [key({ from: at(4000) })],
    revoked: at(5000),
    compromisedSince: 1,
  });
  assert.notEqual(repudiation(early, 4000), null);
});

test('a stream is judged as a device is, without its states', () => {
  const judged = (s, time) => judgeStream(/** @type {any} */ (s), KEY, at(time));
  assert.equal(judged(stream(), 999).reason, 'not-registered');
  assert.equal(judged(stream(), 1000).reason, 'ok');
  const stolen = stream({ keys: [key({ until: at(5000), reason: 'stolen', compromisedSince: 3000 })] });
  assert.equal(judged(stolen, 5000).reason, 'key-replaced');
  assert.equal(judged(stolen, 2000).repudiated, null);
  assert.equal(judged(stolen, 3500).repudiated?.since, 3000);
  assert.equal(
    judged(stream({ keys: [key({ from: at(3000) })] }), 2000).reason,
    'ok',
    'a receipt is signed after its anchor',
  );
  assert.equal(judgeStream(/** @type {any} */ (stream()), '00000000000000bb', at(2000)).reason, 'unknown-key');
});
