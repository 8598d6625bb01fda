// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSubmit measures transactions per second with 64 in flight, both organisations
// endorsing, by the real SDK in the same process.
func BenchmarkSubmit(b *testing.B) {
	n := start(b)
	c := contractOf(b, n)
	var next atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := c.SubmitTransaction("put", "k"+strconv.FormatInt(next.Add(1), 10), "value")
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	size, err := n.Bytes()
	require.NoError(b, err)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
	b.ReportMetric(float64(size)/float64(b.N), "ledger-B/tx")
}

// BenchmarkEvaluate measures queries, one after the other.
func BenchmarkEvaluate(b *testing.B) {
	c := contractOf(b, start(b))
	for b.Loop() {
		_, err := c.EvaluateTransaction("get", "absent")
		require.NoError(b, err)
	}
}
