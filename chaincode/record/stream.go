// SPDX-License-Identifier: Apache-2.0

package record

// StreamType is the type of a Stream.
const StreamType = "stream"

// Stream is the append-only sequence of batches that one bridge writes.
type Stream struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	ID      string `json:"id"`
	// Owner is the MSP ID of the organisation whose bridge writes the stream.
	Owner string `json:"owner"`
	// Bridge names the one identity that may write: SHA-256, in hexadecimal, over
	// "x509::subject::issuer" of its certificate, so that it outlives a renewal.
	Bridge string `json:"bridge"`
	// Keys are the keys that sign the stream's receipts, oldest first.
	Keys    []Key `json:"keys"`
	Opened  int64 `json:"opened"`
	Updated int64 `json:"updated"`
}
