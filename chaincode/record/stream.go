// SPDX-License-Identifier: Apache-2.0

package record

import "github.com/anchorline/anchorline/reading/name"

// StreamType is the type of a Stream.
const StreamType = "stream"

// Stream is the append-only sequence of batches that one bridge writes.
type Stream struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	// Owner is the MSP ID of the organisation whose bridge writes the stream; ID is unique within it.
	Owner string `json:"owner"`
	ID    string `json:"id"`
	// Bridge names the one identity that may write: SHA-256, in hexadecimal, over
	// "x509::subject::issuer" of its certificate, so that it outlives a renewal.
	Bridge string `json:"bridge"`
	// Keys are the keys that sign the stream's receipts, oldest first.
	Keys    []Key  `json:"keys"`
	Opened  Moment `json:"opened"`
	Updated Moment `json:"updated"`
}

// Name returns the stream's name.
func (s Stream) Name() name.Name { return name.New(s.Owner, s.ID) }
