// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
)

// An Event is a change that our chaincode announced in a committed block.
type Event struct {
	Name    string   // for example "DeviceRegistered"
	ID      string   // the device or stream that changed
	Devices []string // all of them, when several devices changed at once
	TxID    string
	Block   uint64
	Payload []byte // docs/chaincode.md
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
		ID      string   `json:"id"`
		Devices []string `json:"devices"`
	}
	// A payload without an id is not one of ours; it is passed on with an empty one.
	_ = json.Unmarshal(e.Payload, &body)
	return Event{Name: e.EventName, ID: body.ID, Devices: body.Devices, TxID: e.TransactionID, Block: e.BlockNumber, Payload: e.Payload}
}
