// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package bridge

import (
	"math"
	"syscall"
)

// freeBytes is what we may still write to the disk that dir is on.
func freeBytes(dir string) (free int64, known bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, false
	}
	bytes := s.Bavail * uint64(s.Bsize)
	return int64(min(bytes, math.MaxInt64)), true
}
