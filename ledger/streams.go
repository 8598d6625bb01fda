// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// StreamRegistration opens a stream: key and proof of possession in base64url.
type StreamRegistration = call.StreamRegistration

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

// StopStream ends the open key of a stream of our organisation, with our own peers alone. The stream
// takes no anchors until RotateStreamKey puts another key in, with a reason. compromisedSince is in
// milliseconds, 0 for none.
func (c *Client) StopStream(ctx context.Context, id, reason string, compromisedSince int64) (record.Stream, error) {
	return transact[record.Stream](ctx, c, "anchors:StopStream", call.Revocation{ID: id, Reason: reason, CompromisedSince: compromisedSince})
}

// SetBridge lets another identity of our organisation, as its WhoAmI states it, write a stream.
func (c *Client) SetBridge(ctx context.Context, id, bridge string) (record.Stream, error) {
	return transact[record.Stream](ctx, c, "anchors:SetBridge", call.BridgeChange{ID: id, Bridge: bridge})
}

// Stream returns a stream, or ErrNotFound.
func (c *Client) Stream(ctx context.Context, stream name.Name) (record.Stream, error) {
	return evaluate[record.Stream](ctx, c, "anchors:GetStream", stream.String())
}

// Streams returns every stream of the ledger.
func (c *Client) Streams(ctx context.Context) ([]record.Stream, error) {
	return list[record.Stream](ctx, c, "anchors:ListStreams", "streams", func(p call.Page) any { return p })
}

// Head returns the last anchor's number, hash and time; number 0 before the first.
func (c *Client) Head(ctx context.Context, stream name.Name) (record.Head, error) {
	return evaluate[record.Head](ctx, c, "anchors:Head", stream.String())
}
