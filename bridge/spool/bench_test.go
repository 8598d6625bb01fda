// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/spool"
)

// BenchmarkAppend measures readings made durable a second, by how many share a commit: each
// iteration is one Append, and so one fsync.
func BenchmarkAppend(b *testing.B) {
	signer := newSigner(b)
	for _, n := range []int{1, 16, 128, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "spool.db"))
			defer s.Close()
			var seq uint64
			items := make([]spool.Item, n)
			for b.Loop() {
				b.StopTimer()
				for i := range items {
					seq++
					items[i] = item(b, signer, "device", seq, `[{"bn":"device:","bt":1700000000.123,"n":"temperature","u":"Cel","v":21.5}]`)
				}
				b.StartTimer()
				_, err := s.Append(items)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "readings/s")
		})
	}
}
