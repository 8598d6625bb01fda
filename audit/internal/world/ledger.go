// SPDX-License-Identifier: Apache-2.0

package world

import (
	"crypto/sha256"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// Call makes a call of the chaincode by a member, a second after the last one, endorsed by the peers
// of Org1MSP and Org2MSP.
func (w *World) Call(creator *Member, function string, args ...string) Call {
	w.Clock += Second
	w.drawn++
	return Call{
		Channel: Channel, Chaincode: Chaincode, Function: function, Args: args, Nonce: draw("nonce", w.drawn), Creator: creator,
		Time: w.Clock, Response: &peer.Response{Status: 200}, Endorsers: w.Peers("Org1MSP", "Org2MSP"),
	}
}

// draw gives 24 bytes that follow from a name and a number.
func draw(what string, n uint64) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, n))
	return sum[:24]
}

// Moment is when the call changes the ledger.
func (w *World) moment(c Call) record.Moment { return record.Moment{Time: c.Time, Tx: c.ID(w.t)} }

// Submit puts a call into a block, applies what it writes, and returns where it stands.
func (w *World) Submit(c Call) (block, index uint64) {
	w.t.Helper()
	b := w.blocks[w.height]
	if b == nil {
		b = &Block{Number: w.height}
		w.blocks[w.height] = b
	}
	block, index = w.height, uint64(len(b.Envelopes))
	b.Envelopes = append(b.Envelopes, c.Envelope(w.t))
	w.places[c.ID(w.t)] = block
	for _, write := range c.Writes {
		w.state[write.GetKey()] = entry{value: write.GetValue(), block: block, index: index}
	}
	if !w.Holding {
		w.height++
	}
	return block, index
}

// BlockOf returns the block that holds a transaction, and whether one does.
func (w *World) BlockOf(tx string) (Block, bool) {
	number, there := w.places[tx]
	if !there {
		return Block{}, false
	}
	return w.Block(number), true
}

// read is what a peer notes of a key that it reads.
func (w *World) read(key string) *kvrwset.KVRead {
	e, there := w.state[key]
	if !there {
		return &kvrwset.KVRead{Key: key}
	}
	return &kvrwset.KVRead{Key: key, Version: &kvrwset.Version{BlockNum: e.block, TxNum: e.index}}
}

// Write is a record under its key.
func (w *World) Write(key string, v any) *kvrwset.KVWrite {
	w.t.Helper()
	value, err := record.Encode(v)
	require.NoError(w.t, err)
	return &kvrwset.KVWrite{Key: key, Value: value}
}

func load[T any](w *World, key string) (v T) {
	w.t.Helper()
	e, there := w.state[key]
	require.True(w.t, there, "%q", key)
	require.NoError(w.t, record.Decode(e.value, &v))
	return v
}

// Device returns a device's record.
func (w *World) Device(n name.Name) record.Device {
	w.t.Helper()
	return load[record.Device](w, record.DeviceKey(n))
}

// Stream returns a stream's record.
func (w *World) Stream(n name.Name) record.Stream {
	w.t.Helper()
	return load[record.Stream](w, record.StreamKey(n))
}

func newKey(k cose.Key, from record.Moment) record.Key {
	return record.Key{ID: k.ID().String(), Algorithm: k.Algorithm().String(), Public: k.Text(), From: from}
}

// Register puts a device on the ledger.
func (w *World) Register(n name.Name, key cose.Key) {
	w.t.Helper()
	c := w.Call(w.Org(n.Owner).Admin, "devices:Register")
	now := w.moment(c)
	d := record.Device{
		Type: record.DeviceType, Version: record.Version, Owner: n.Owner, ID: n.ID, Status: record.Active,
		Keys: []record.Key{newKey(key, now)}, Registration: record.ZeroHash, Registered: now, Updated: now,
	}
	c.Reads, c.Writes = []*kvrwset.KVRead{w.read(record.DeviceKey(n))}, []*kvrwset.KVWrite{w.Write(record.DeviceKey(n), d)}
	w.Submit(c)
}

// ChangeDevice changes a device's record in a transaction of its owner and returns its moment.
func (w *World) ChangeDevice(n name.Name, function string, change func(d *record.Device, now record.Moment)) record.Moment {
	w.t.Helper()
	return w.ChangeDeviceAt(n, function, 0, change)
}

// ChangeDeviceAt is ChangeDevice by a client that dates its transaction itself, in milliseconds.
func (w *World) ChangeDeviceAt(n name.Name, function string, at int64, change func(d *record.Device, now record.Moment)) record.Moment {
	w.t.Helper()
	c, d := w.Call(w.Org(n.Owner).Admin, function), w.Device(n)
	if at != 0 {
		c.Time = at
	}
	now := w.moment(c)
	change(&d, now)
	d.Updated = now
	c.Reads, c.Writes = []*kvrwset.KVRead{w.read(record.DeviceKey(n))}, []*kvrwset.KVWrite{w.Write(record.DeviceKey(n), d)}
	w.Submit(c)
	return now
}

// Replace ends a key and begins the next. Without a reason the old key authorised the new one; since
// dates a compromise, 0 for none.
func Replace(keys []record.Key, next cose.Key, now record.Moment, reason string, since int64) []record.Key {
	last := &keys[len(keys)-1]
	last.Until, last.Reason, last.CompromisedSince = &now, reason, since
	return append(keys, newKey(next, now))
}

// RotateDevice gives a device its next key; see [Replace].
func (w *World) RotateDevice(n name.Name, next cose.Key, reason string, since int64) record.Moment {
	w.t.Helper()
	return w.ChangeDevice(n, "devices:RotateKey", func(d *record.Device, now record.Moment) {
		d.Keys = Replace(d.Keys, next, now, reason, since)
	})
}

// Suspend suspends a device, Resume ends that.
func (w *World) Suspend(n name.Name) {
	w.t.Helper()
	w.ChangeDevice(n, "devices:Suspend", func(d *record.Device, now record.Moment) {
		d.Status, d.StatusReason = record.Suspended, "under repair"
		d.Suspensions = append(d.Suspensions, record.Period{From: now})
	})
}

// Resume ends a suspension.
func (w *World) Resume(n name.Name) {
	w.t.Helper()
	w.ChangeDevice(n, "devices:Resume", func(d *record.Device, now record.Moment) {
		d.Status, d.StatusReason = record.Active, "repaired"
		d.Suspensions[len(d.Suspensions)-1].Until = &now
	})
}

// Revoked is the change that revokes a device; since dates a compromise, 0 for none.
func Revoked(reason string, since int64) func(*record.Device, record.Moment) {
	return func(d *record.Device, now record.Moment) {
		d.Status, d.StatusReason, d.Revoked, d.CompromisedSince = record.Revoked, reason, &now, since
		if last := &d.Keys[len(d.Keys)-1]; last.Until == nil {
			last.Until, last.Reason = &now, reason
		}
	}
}

// Revoke revokes a device.
func (w *World) Revoke(n name.Name, reason string, since int64) record.Moment {
	w.t.Helper()
	return w.ChangeDevice(n, "devices:Revoke", Revoked(reason, since))
}

// Transfer gives a device to another organisation, under a new name and with the same key or another.
func (w *World) Transfer(from, to name.Name, key cose.Key) {
	w.t.Helper()
	c, d := w.Call(w.Org(to.Owner).Admin, "devices:Accept"), w.Device(from)
	now := w.moment(c)
	d.Status, d.Transferred, d.TransferredTo, d.Updated = record.Transferred, &now, to, now
	if last := &d.Keys[len(d.Keys)-1]; last.Until == nil {
		last.Until, last.Reason = &now, "transferred"
	}
	next := record.Device{
		Type: record.DeviceType, Version: record.Version, Owner: to.Owner, ID: to.ID, Status: record.Active, TransferredFrom: from,
		Keys: []record.Key{newKey(key, now)}, Registration: record.ZeroHash, Registered: now, Updated: now,
	}
	c.Reads = []*kvrwset.KVRead{w.read(record.DeviceKey(from)), w.read(record.DeviceKey(to))}
	c.Writes = []*kvrwset.KVWrite{w.Write(record.DeviceKey(from), d), w.Write(record.DeviceKey(to), next)}
	w.Submit(c)
}

// StopAt has the owner of a device revoke it by its own peers alone, dated as it says.
func (w *World) StopAt(n name.Name, at int64, reason string) record.Moment {
	w.t.Helper()
	c := w.Call(w.Org(n.Owner).Admin, "devices:Revoke", n.ID)
	c.Time = at
	now := w.moment(c)
	c.Writes = []*kvrwset.KVWrite{w.Write(record.StopKey(n), record.Stop{
		Type: record.StopType, Version: record.Version, Owner: n.Owner, ID: n.ID, Revoked: &now, Reason: reason,
	})}
	w.Submit(c)
	return now
}
