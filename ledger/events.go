// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// An Event is a change that our chaincode announced in a committed block.
type Event struct {
	Name    string    // for example "DeviceRegistered"
	Owner   string    // the MSP ID of the owner of what changed
	ID      string    // the device or stream that changed
	Devices []string  // the ids of all of them, when several devices changed at once
	Former  name.Name // the name that a transferred device had
	TxID    string
	Block   uint64
	Payload []byte // docs/chaincode.md
}

// Names returns the names of all records that changed: several devices that were registered at once,
// and both records of a transferred device. It returns none for an event that names nothing.
func (e Event) Names() []name.Name {
	ids := e.Devices
	if len(ids) == 0 {
		ids = []string{e.ID}
	}
	names := []name.Name{}
	for _, id := range ids {
		if n := name.New(e.Owner, id); n.Validate() == nil {
			names = append(names, n)
		}
	}
	if !e.Former.IsZero() {
		names = append(names, e.Former)
	}
	return names
}

// reopen is the pause before a closed event stream is opened again.
const reopen = time.Second

// Watch calls f with every event until ctx ends. While the network is away events are missed:
// missed is called whenever that may have happened, and whoever caches MUST forget all then. What
// is asked after missed returned is followed by every event that changes it. f may see an event
// twice.
func (c *Client) Watch(ctx context.Context, f func(Event), missed func(error)) {
	for ctx.Err() == nil {
		err := c.watchOnce(ctx, f, missed)
		if ctx.Err() != nil {
			return
		}
		missed(err)
		select {
		case <-ctx.Done():
		case <-time.After(reopen):
		}
	}
}

// watchOnce reads one stream of events, from the block that is next when missed is called: the
// peer opens a stream some time after it was asked to, and says nothing when it has.
func (c *Client) watchOnce(ctx context.Context, f func(Event), missed func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, err := c.Height(ctx)
	if err != nil {
		return err
	}
	missed(nil)
	events, err := c.network.ChaincodeEvents(ctx, c.profile.Chaincode, client.WithStartBlock(next))
	if err != nil {
		return classify("open event stream", "", err)
	}
	for e := range events {
		f(asEvent(e))
	}
	return &Error{Step: "event stream", Kind: ErrUnavailable, Err: errors.New("closed by the peer")}
}

func asEvent(e *client.ChaincodeEvent) Event {
	var body struct {
		Owner   string        `json:"owner"`
		ID      string        `json:"id"`
		Devices []string      `json:"devices"`
		Former  record.Device `json:"former"`
	}
	// A payload without an id is not one of ours; it is passed on with an empty one.
	_ = json.Unmarshal(e.Payload, &body)
	return Event{
		Name: e.EventName, Owner: body.Owner, ID: body.ID, Devices: body.Devices, Former: body.Former.Name(),
		TxID: e.TransactionID, Block: e.BlockNumber, Payload: e.Payload,
	}
}
