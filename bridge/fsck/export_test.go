// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// WriteSummed writes a checkpoint's bytes with the checksum that belongs to them.
func WriteSummed(path string, body []byte) error {
	sum := sha256.Sum256(body)
	return os.WriteFile(path, []byte(`{"checkpoint":`+string(body)+`,"sha256":"`+hex.EncodeToString(sum[:])+`"}`), 0o600)
}
