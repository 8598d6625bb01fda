// SPDX-License-Identifier: Apache-2.0

// Package up runs the whole data path on one machine: broker, ledger, bridge, devices. It builds
// the parts and connects them as anybody would, over MQTT and gRPC; it knows no short cut.
package up

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/device/simulator"
	"github.com/anchorline/anchorline/internal/mqtt"
)

// Config says what to run.
type Config struct {
	Data     string
	Devices  int
	Rate     simulator.Rate
	RateSet  bool          // the rate was asked for; a replay goes as fast as it can otherwise
	For      time.Duration // 0: until interrupted
	Drain    time.Duration // how long the drain at the end may take
	Report   string        // file, or empty
	Replay   string        // CSV file, or empty
	Broker   mqtt.Broker   // URL empty: the embedded one
	Listen   string        // of the embedded broker
	Fabric   string        // connection profile, or empty: the embedded network
	Stream   string
	Linger   time.Duration
	MaxBatch uint64
	API      string // address of the ledger over HTTP, or empty
	Open     bool   // the API may serve other machines
	Ops      string // address of the listener for operators, or empty
	Program  string // how the user calls us, for the hints
	Out      io.Writer
	Terminal bool // Out is one
	Logger   *slog.Logger
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Data == "" {
		faults = append(faults, errors.New("--data: no folder given"))
	}
	if c.Devices < 1 || c.Devices > 10_000 {
		faults = append(faults, fmt.Errorf("--devices %d: want 1 to 10000", c.Devices))
	}
	if c.For < 0 {
		faults = append(faults, fmt.Errorf("--for %s: want a time, or 0 for until interrupted", c.For))
	}
	if c.Replay != "" && c.For != 0 {
		faults = append(faults, errors.New("--replay ends when the file does: leave out --for"))
	}
	return errors.Join(faults...)
}

func (c Config) bridge(dir, stream string, broker mqtt.Broker) bridge.Config {
	cfg := bridge.Default()
	cfg.Dir, cfg.Stream, cfg.Broker, cfg.Linger, cfg.MaxBatch = dir, stream, broker, c.Linger, c.MaxBatch
	return cfg
}
