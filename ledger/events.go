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
	Name    string // for example "DeviceRegistered"
	ID      string // the device or stream that changed
	TxID    string
	Block   uint64
	Payload []byte // docs/chaincode.md
}

// reopen is the pause before a closed event stream is opened again.
const reopen = time.Second

// Watch calls f with every event from now on, until ctx ends. Events are hints: while the
// network is away they are missed (lost is called when a stream ends, so that a cache can be
// emptied), and f may see the same event twice.
func (c *Client) Watch(ctx context.Context, f func(Event), lost func(error)) {
	for ctx.Err() == nil {
		err := c.watchOnce(ctx, f)
		if ctx.Err() != nil {
			return
		}
		lost(err)
		select {
		case <-ctx.Done():
		case <-time.After(reopen):
		}
	}
}

func (c *Client) watchOnce(ctx context.Context, f func(Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := c.network.ChaincodeEvents(ctx, c.profile.Chaincode)
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
		ID string `json:"id"`
	}
	// A payload without an id is not one of ours; it is passed on with an empty one.
	_ = json.Unmarshal(e.Payload, &body)
	return Event{Name: e.EventName, ID: body.ID, TxID: e.TransactionID, Block: e.BlockNumber, Payload: e.Payload}
}
