// SPDX-License-Identifier: Apache-2.0

package anchor

import (
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A message carries receipts to one device.
type message struct {
	device  name.Name
	payload []byte
}

// maxMessage bounds a message with several receipts, in bytes: brokers limit packets, some to no
// more than 128 KiB, and small devices have little memory. One receipt is well below it.
const maxMessage = 32 << 10

// pack makes messages of at most maxMessage bytes and receipt.MaxBatch receipts each.
func pack(byDevice map[name.Name][]receipt.Entry) ([]message, error) {
	var out []message
	for device, entries := range byDevice {
		for len(entries) > 0 {
			n, size := 0, 0
			for n < min(len(entries), receipt.MaxBatch) && (n == 0 || size+len(entries[n].Receipt) <= maxMessage) {
				size += len(entries[n].Receipt)
				n++
			}
			payload, err := receipt.EncodeBatch(entries[:n])
			if err != nil {
				return nil, err
			}
			out = append(out, message{device, payload})
			entries = entries[n:]
		}
	}
	return out, nil
}
