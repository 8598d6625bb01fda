// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anchorline/anchorline/cmd/anchorline/internal/up"
	"github.com/anchorline/anchorline/device/simulator"
)

type upCmd struct {
	Data     string          `help:"Data folder; the next run on it goes on from there." default:"anchorline-data" placeholder:"DIR"`
	Devices  int             `help:"Simulated devices, half Ed25519 and half ES256." default:"10"`
	Rate     *simulator.Rate `help:"Readings per device: 1/s, 30/m, 10/h or max (default: 1/s; with --replay: max)." placeholder:"RATE"`
	For      time.Duration   `help:"Publish this long, then drain, check the books and exit." placeholder:"TIME"`
	Drain    time.Duration   `help:"How long draining may take." default:"2m"`
	Report   string          `help:"Write the report to this file, as JSON." placeholder:"FILE"`
	Replay   string          `help:"Publish the rows of a CSV file of timestamp,value, then drain, check the books and exit." placeholder:"FILE"`
	Listen   string          `help:"Address of the embedded broker." default:"127.0.0.1:1883"`
	Broker   string          `help:"Use this MQTT broker instead of the embedded one." placeholder:"URL"`
	Fabric   string          `help:"Use this Fabric network instead of the embedded one: a connection profile." placeholder:"PROFILE"`
	Stream   string          `help:"Stream id (default: bridge-1; random on a real network)." placeholder:"NAME"`
	Linger   time.Duration   `help:"How long the first reading of a batch waits for others." default:"250ms"`
	MaxBatch uint64          `help:"Readings in a batch at most." default:"10000"`
	Ops      string          `help:"Address for the bridge's /healthz, /readyz and /metrics (default: none)." placeholder:"HOST:PORT"`
	API      string          `help:"Address for the ledger over HTTP and JSON, for example 127.0.0.1:8080 (default: none)." name:"api" placeholder:"HOST:PORT"`
	Open     bool            `help:"Let --api serve other machines."`
	Log      bool            `help:"Log lines even on a terminal."`
	brokerFlags
}

// Run runs everything until it is interrupted or done.
func (c *upCmd) Run(ctx context.Context, s streams) error {
	cfg := up.Config{
		Data: c.Data, Devices: c.Devices, Rate: 1, For: c.For, Drain: c.Drain, Report: c.Report, Replay: c.Replay,
		Broker: c.broker(c.Broker), Listen: c.Listen, Fabric: c.Fabric, Stream: c.Stream,
		Linger: c.Linger, MaxBatch: c.MaxBatch, Ops: c.Ops, API: c.API, Open: c.Open, Program: program(), Out: s.out,
	}
	if c.Rate != nil {
		cfg.Rate, cfg.RateSet = *c.Rate, true
	}
	cfg.Terminal = isTerminal(s.out) && !c.Log
	logs := s.err
	if cfg.Terminal {
		if err := os.MkdirAll(c.Data, 0o750); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(c.Data, "up.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		defer f.Close()
		logs = f
	}
	cfg.Logger = slog.New(slog.NewTextHandler(logs, nil))
	return up.Run(ctx, cfg)
}

// program is how the user called us: "go run" leaves a binary that is gone afterwards.
func program() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		return "go run ./cmd/anchorline"
	}
	return os.Args[0]
}
