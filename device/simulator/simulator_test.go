// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/device/simulator"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/network/broker"
	"github.com/anchorline/anchorline/reading"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "series.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestASeriesIsReadWithOrWithoutAHeaderAndInEveryLayout(t *testing.T) {
	for _, text := range []string{
		"timestamp,value\n2014-01-31 23:59:00,1.5\n", "2014-01-31 23:59:00,1.5\n", "2014-01-31T23:59:00Z,1.5\n",
		"2014-01-31T23:59:00, 1.5\n", "2014-01-31 23:59,1.5", "2014-02-01T00:59:00+01:00,1.5\n",
	} {
		s, err := simulator.ReadSeries(file(t, text))
		require.NoError(t, err, text)
		require.Len(t, s.Rows, 1, text)
		require.True(t, s.Rows[0].Time.Equal(time.Date(2014, 1, 31, 23, 59, 0, 0, time.UTC)), text)
		require.InDelta(t, 1.5, s.Rows[0].Value, 0)
	}
}

func TestAFaultInASeriesNamesItsLine(t *testing.T) {
	const good = "timestamp,value\n2014-01-31 23:59:00,1\n"
	for text, want := range map[string]string{
		good + "2014-02-01 00:00:00,x\n":     "line 3",
		good + "\n\n2014-02-01 00:00:00,x\n": "line 5",
		good + "yesterday,1\n":               "line 3",
		good + "2014-02-01 00:00:00,NaN\n":   "line 3",
		good + "2014-02-01 00:00:00,1,2\n":   "line 3",
		good + "2014-02-01 00:00:00,\"1\n":   "line 3",
		"":                                   "no rows",
		"timestamp,value\n":                  "no rows",
	} {
		_, err := simulator.ReadSeries(file(t, text))
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "series.csv", text)
	}
	_, err := simulator.ReadSeries(filepath.Join(t.TempDir(), "missing.csv"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestARateIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]simulator.Rate{"2/s": 2, "30/m": 0.5, "10": 10, "max": 0, "36/h": 0.01} {
		var r, again simulator.Rate
		require.NoError(t, r.UnmarshalText([]byte(text)), text)
		require.InDelta(t, float64(want), float64(r), 1e-12, text)
		require.NoError(t, again.UnmarshalText([]byte(r.String())))
		require.InDelta(t, float64(r), float64(again), 0)
	}
	for _, text := range []string{"", "x", "0/s", "-1/s", "1/d", "NaN/s", "Inf/s", "1000000/s", "1/s/s"} {
		var r simulator.Rate
		require.Error(t, r.UnmarshalText([]byte(text)), text)
	}
}

// sink takes every reading and keeps its sequence number and payload.
type sink struct {
	mu  sync.Mutex
	got map[string]map[uint64]string
}

func newSink(t *testing.T, url string) *sink {
	t.Helper()
	s := &sink{got: map[string]map[uint64]string{}}
	o, err := mqtt.Broker{URL: url}.Options("bridge")
	require.NoError(t, err)
	o.SetAutoReconnect(false).SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		r, err := reading.Parse(m.Payload())
		if err != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		id := r.Claims().Device.ID
		if s.got[id] == nil {
			s.got[id] = map[uint64]string{}
		}
		s.got[id][r.Claims().Sequence] = string(r.Payload())
	})
	c := paho.NewClient(o)
	for _, do := range []func() paho.Token{c.Connect, func() paho.Token { return c.Subscribe(mqtt.ReadingsFilter, 1, nil) }} {
		tok := do()
		require.True(t, tok.WaitTimeout(patience))
		require.NoError(t, tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return s
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int
	for _, readings := range s.got {
		n += len(readings)
	}
	return n
}

func TestAReplayThatIsInterruptedGoesOnAndSendsEveryRowOnce(t *testing.T) {
	b, err := broker.Start(broker.Config{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Consumer: "bridge", Filter: mqtt.ReadingsFilter, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	far := newSink(t, b.URL())
	const rows, devices = 2000, 2
	var text strings.Builder
	for i := range rows {
		fmt.Fprintf(&text, "%s,%d\n", time.UnixMilli(1_600_000_000_000).Add(time.Duration(i)*time.Minute).UTC().Format("2006-01-02 15:04:05"), i)
	}
	path, dir := file(t, text.String()), t.TempDir()
	series, err := simulator.ReadSeries(path)
	require.NoError(t, err)

	// run replays until the sink has so many, and reports whether the replay came to its end.
	run := func(until int) bool {
		f, err := simulator.Open(simulator.Config{
			Dir: dir, Owner: "Org1MSP", Prefix: "sim", Devices: devices, Broker: device.Broker{URL: b.URL()}, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, f.Close()) }()
		require.NoError(t, f.Connect())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- f.Replay(ctx, series) }()
		require.Eventually(t, func() bool { return far.count() >= until }, patience, time.Millisecond)
		if until < rows {
			cancel()
		}
		require.NoError(t, <-done)
		return ctx.Err() == nil
	}
	require.False(t, run(100))
	require.False(t, run(900))
	require.True(t, run(rows))

	seen := map[string]int{}
	far.mu.Lock()
	defer far.mu.Unlock()
	for id, readings := range far.got {
		for seq := uint64(1); seq <= rows/devices; seq++ {
			require.Contains(t, readings, seq, "%s", id)
			_, value, _ := strings.Cut(readings[seq], `"v":`)
			seen[value]++
		}
		require.Len(t, readings, rows/devices)
	}
	require.Len(t, seen, rows, "every row once")
}
