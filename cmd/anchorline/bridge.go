// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/ledger"
)

type bridgeCmd struct {
	Run        bridgeRunCmd        `cmd:"" default:"withargs" help:"Run the bridge (the default)."`
	Quarantine bridgeQuarantineCmd `cmd:"" help:"List, show, retry and purge the messages that a bridge refused."`
	Gaps       bridgeGapsCmd       `cmd:"" help:"List the sequence numbers that devices skipped."`
	Check      bridgeCheckCmd      `cmd:"" help:"Read the spool of a stopped bridge through and say what is damaged."`
	Salvage    bridgeSalvageCmd    `cmd:"" help:"Make a new spool of what is intact in a damaged one; the bridge must be stopped."`
	Export     bridgeExportCmd     `cmd:"" help:"Write the readings of a stopped bridge that are not anchored to a file, for another bridge."`
	Import     bridgeImportCmd     `cmd:"" help:"Have a running bridge take in the readings that another one exported."`
}

type bridgeRunCmd struct {
	bridgeFolder
	Fabric          string        `help:"Connection profile of the Fabric network." required:"" placeholder:"FILE"`
	Linger          time.Duration `help:"How long the first reading of a batch waits for others." default:"250ms"`
	MaxBatch        uint64        `help:"Readings in a batch at most." default:"10000"`
	MaxBatchBytes   int64         `help:"Bytes of a batch's readings together at most." default:"33554432"`
	QuarantineBytes int64         `help:"Bytes of refused messages that are kept." default:"67108864"`
	DiskReserve     int64         `help:"Bytes of the disk that stay free of new readings." default:"268435456"`
	RegistryGrace   time.Duration `help:"How long devices are judged by the last known registry while the ledger is away." default:"1h"`
	Broker          string        `help:"MQTT broker, for example tcp://127.0.0.1:1883." required:"" placeholder:"URL"`
	Evidence        time.Duration `help:"How often to collect what organisations sign about new batches; 0 for never." default:"5s"`
	AttestBy        []string      `help:"MSP ID of an organisation whose peers attest; repeat for more (default: those of the consortium's terms)." placeholder:"ID"`
	Ops             string        `help:"Address for /healthz, /readyz and /metrics, for example 127.0.0.1:9101 (default: none)." placeholder:"HOST:PORT"`
	brokerFlags
}

// bridgeFolder names a bridge's data.
type bridgeFolder struct {
	Data   string `help:"Data folder: spool, archive, stream key. Back it up." default:"anchorline-bridge" placeholder:"DIR"`
	Stream string `help:"Stream id, unique in our organisation." default:"bridge-1"`
}

// Run runs the bridge until it is interrupted.
func (c *bridgeRunCmd) Run(ctx context.Context, io streams) error {
	profile, err := ledger.ReadProfile(c.Fabric)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(io.err, nil))
	l, err := ledger.Connect(profile)
	if err != nil {
		return err
	}
	defer l.Close()
	b, err := bridge.Open(c.config(), l, logger)
	if err != nil {
		return err
	}
	return errors.Join(c.run(ctx, b, l, logger), b.Close())
}

func (c *bridgeRunCmd) config() bridge.Config {
	return bridge.Config{
		Dir: c.Data, Stream: c.Stream, Broker: c.broker(c.Broker), Linger: c.Linger,
		MaxBatch: c.MaxBatch, MaxBatchBytes: c.MaxBatchBytes,
		QuarantineBytes: c.QuarantineBytes, DiskReserve: c.DiskReserve, RegistryGrace: c.RegistryGrace,
		Evidence: bridge.Evidence{Off: c.Evidence == 0, Interval: c.Evidence, Organisations: c.AttestBy},
	}
}

// run runs the bridge, and beside it the listeners for its operators. Any ends the others. A folder that
// has no room for a socket, because its path is too long, is no reason not to run.
func (c *bridgeRunCmd) run(ctx context.Context, b *bridge.Bridge, l *ledger.Client, logger *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var listeners []*ops.Server
	if c.Ops != "" {
		s, err := ops.Listen(ctx, ops.Config{Listen: c.Ops, Dir: c.Data, Stream: b.Stream(), Name: l.Profile().Ledger()}, b, l, logger)
		if err != nil {
			return err
		}
		listeners = append(listeners, s)
	}
	if s, err := ops.ListenControl(ctx, c.Data, b, logger); err != nil {
		logger.Warn("the quarantine cannot be read while the bridge runs", "error", err)
	} else {
		listeners = append(listeners, s)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range listeners {
		g.Go(func() error { return s.Run(ctx) })
	}
	g.Go(func() error {
		defer cancel()
		return b.Run(ctx)
	})
	return g.Wait()
}

// brokerFlags are the rest of what an MQTT broker may ask for.
type brokerFlags struct {
	BrokerUser     string `help:"User name at the broker." placeholder:"NAME"`
	BrokerPassword string `help:"Password at the broker; better set in the environment." placeholder:"TEXT"`
	BrokerCA       string `help:"PEM file of the CA of the broker's TLS certificate." name:"broker-ca" placeholder:"FILE"`
	BrokerCert     string `help:"PEM file of our TLS certificate." placeholder:"FILE"`
	BrokerKey      string `help:"PEM file of our TLS key." placeholder:"FILE"`
}

func (f brokerFlags) broker(url string) mqtt.Broker {
	return mqtt.Broker{
		URL: url, Username: f.BrokerUser, Password: f.BrokerPassword,
		CA: f.BrokerCA, Cert: f.BrokerCert, Key: f.BrokerKey,
	}
}
