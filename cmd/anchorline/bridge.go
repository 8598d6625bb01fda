// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

type bridgeCmd struct {
	Run        bridgeRunCmd        `cmd:"" default:"withargs" help:"Run the bridge (the default)."`
	Quarantine bridgeQuarantineCmd `cmd:"" help:"List the messages that a bridge refused; it must be stopped."`
}

type bridgeRunCmd struct {
	bridgeFolder
	Fabric   string        `help:"Connection profile of the Fabric network." required:"" placeholder:"FILE"`
	Linger   time.Duration `help:"How long the first reading of a batch waits for others." default:"250ms"`
	MaxBatch uint64        `help:"Readings in a batch at most." default:"10000"`
	Broker   string        `help:"MQTT broker, for example tcp://127.0.0.1:1883." required:"" placeholder:"URL"`
	Evidence time.Duration `help:"How often to collect what organisations sign about new batches; 0 for never." default:"5s"`
	AttestBy []string      `help:"MSP ID of an organisation whose peers attest; repeat for more (default: those of the consortium's terms)." placeholder:"ID"`
	Ops      string        `help:"Address for /healthz, /readyz and /metrics, for example 127.0.0.1:9101 (default: none)." placeholder:"HOST:PORT"`
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
	b, err := bridge.Open(bridge.Config{
		Dir: c.Data, Stream: c.Stream, Broker: c.broker(c.Broker), Linger: c.Linger, MaxBatch: c.MaxBatch,
		Evidence: bridge.Evidence{Off: c.Evidence == 0, Interval: c.Evidence, Organisations: c.AttestBy},
	}, l, logger)
	if err != nil {
		return err
	}
	return errors.Join(c.run(ctx, b, l, logger), b.Close())
}

// run runs the bridge, and beside it the listener for its operators if one is asked for. Either
// ends the other.
func (c *bridgeRunCmd) run(ctx context.Context, b *bridge.Bridge, l *ledger.Client, logger *slog.Logger) error {
	if c.Ops == "" {
		return b.Run(ctx)
	}
	s, err := ops.Listen(ctx, ops.Config{Listen: c.Ops, Dir: c.Data, Stream: b.Stream(), Name: l.Profile().Ledger()}, b, l, logger)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error {
		defer cancel()
		return b.Run(ctx)
	})
	return g.Wait()
}

type bridgeQuarantineCmd struct {
	Data   string    `help:"The bridge's data folder." default:"anchorline-bridge" placeholder:"DIR"`
	Stream name.Name `help:"The stream that it writes, as in Org1MSP/bridge-1." required:"" placeholder:"STREAM"`
	Limit  int       `help:"Messages to list, newest first." default:"100"`
	JSON   bool      `help:"Print the messages as JSON, with their payloads." name:"json"`
}

// Run lists what was refused, and why.
func (c *bridgeQuarantineCmd) Run(s streams) error {
	store, err := spool.Open(filepath.Join(c.Data, "spool.db"), c.Stream)
	if err != nil {
		return err
	}
	defer store.Close()
	messages := []spool.QuarantinedMessage{}
	err = store.Quarantine(func(_ uint64, m spool.QuarantinedMessage) bool {
		if len(messages) == c.Limit {
			return false
		}
		messages = append(messages, m)
		return true
	})
	if err != nil {
		return err
	}
	return output(s, c.JSON, messages, showQuarantine)
}

func showQuarantine(out io.Writer, messages []spool.QuarantinedMessage) error {
	return table(out, "messages in quarantine", "RECEIVED\tTOPIC\tBYTES\tREASON\tDETAIL", messages, func(m spool.QuarantinedMessage) []any {
		return []any{stamp(m.Received), m.Topic, m.Size, m.Reason, m.Detail}
	})
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
