// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

// BenchmarkAnArchiveIsChecked checks 40 batches of 500 Ed25519 readings of about 330 bytes, of 20
// devices. It reports readings per second of the wall's clock, and the processor's time for each.
func BenchmarkAnArchiveIsChecked(b *testing.B) {
	w := newWorld(b)
	const batches, size, devices = 40, 500, 20
	payload := hex.EncodeToString([]byte(strings.Repeat("x", 76)))
	length := 0
	for n := range devices {
		w.register(name.New("Org1MSP", fmt.Sprintf("pump-%d", n)), byte(20+n))
	}
	for n := range batches {
		var readings [][]byte
		for i := range size {
			at := n*size + i
			d := at % devices
			data, err := reading.Sign(signer(b, byte(20+d)), reading.Claims{
				Device: name.New("Org1MSP", fmt.Sprintf("pump-%d", d)), Sequence: uint64(at/devices + 1), Time: origin + int64(at),
			}, reading.SenMLJSON, []byte(payload))
			require.NoError(b, err)
			readings = append(readings, data)
			length = len(data)
		}
		w.add(stream, readings...)
	}
	sources := w.sources(stream)
	before := processor(b)
	b.ResetTimer()
	for range b.N {
		r, err := fsck.CheckAll(b.Context(), w.chain, sources, fsck.Options{})
		require.NoError(b, err)
		require.True(b, r.OK(), said(r))
	}
	b.StopTimer()
	done := float64(b.N * (batches*size + 6))
	b.ReportMetric(done/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64((processor(b)-before).Microseconds())/done, "cpu-µs/reading")
	b.ReportMetric(float64(length), "bytes/reading")
	b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "cores")
}

// processor is the processor's time that the process used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTheMemoryOfNumbersThatWereSeen reports what is kept in memory of each reading to find numbers
// that come twice: of 1000 devices that miss nothing, and of 1000 that miss every second number.
func BenchmarkTheMemoryOfNumbersThatWereSeen(b *testing.B) {
	for title, step := range map[string]uint64{"nothing missing": 1, "every second missing": 2} {
		b.Run(title, func(b *testing.B) {
			const devices, each = 1000, 1000
			var kept *gap.Memory
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range b.N {
				kept = gap.NewMemory()
				c := gap.NewCounter(kept, 1)
				for n := range uint64(each) {
					for d := range devices {
						require.NoError(b, c.Add(name.New("Org1MSP", fmt.Sprint("pump-", d)), 1+n*step))
					}
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/devices/each, "bytes/reading")
			runtime.KeepAlive(kept)
		})
	}
}
