// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/record"
)

// StreamRegistration opens a stream: key and proof of possession in base64url.
type StreamRegistration struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

// OpenStream opens a stream that our identity, and nobody else, may write. The same request
// again is a success.
func (c *Client) OpenStream(ctx context.Context, r StreamRegistration) (record.Stream, error) {
	return transact[record.Stream](ctx, c, "anchors:OpenStream", r)
}

// RotateStreamKey replaces the key that signs a stream's receipts: as the stream's bridge with the
// old key's authorization, or as an admin with a reason.
func (c *Client) RotateStreamKey(ctx context.Context, r Rotation) (record.Stream, error) {
	return transact[record.Stream](ctx, c, "anchors:RotateStreamKey", r)
}

// SetBridge lets another identity of our organisation, as its WhoAmI states it, write a stream.
func (c *Client) SetBridge(ctx context.Context, id, bridge string) (record.Stream, error) {
	return transact[record.Stream](ctx, c, "anchors:SetBridge", map[string]string{"id": id, "bridge": bridge})
}

// Stream returns a stream, or ErrNotFound.
func (c *Client) Stream(ctx context.Context, id string) (record.Stream, error) {
	return evaluate[record.Stream](ctx, c, "anchors:GetStream", id)
}

// Streams returns every stream of the ledger.
func (c *Client) Streams(ctx context.Context) ([]record.Stream, error) {
	return list[record.Stream](ctx, c, "anchors:ListStreams", "streams", nil)
}

// Head returns the last anchor's number and hash; number 0 before the first.
func (c *Client) Head(ctx context.Context, stream string) (record.Head, error) {
	return evaluate[record.Head](ctx, c, "anchors:Head", stream)
}
