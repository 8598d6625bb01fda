// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/ledger"
)

type bridgeCmd struct {
	Data     string        `help:"Data folder: spool, archive, stream key. Back it up." default:"anchorline-bridge" placeholder:"DIR"`
	Stream   string        `help:"Stream id, unique on the ledger." default:"bridge-1"`
	Fabric   string        `help:"Connection profile of the Fabric network." required:"" placeholder:"FILE"`
	Linger   time.Duration `help:"How long the first reading of a batch waits for others." default:"250ms"`
	MaxBatch uint64        `help:"Readings in a batch at most." default:"10000"`
	Broker   string        `help:"MQTT broker, for example tcp://127.0.0.1:1883." required:"" placeholder:"URL"`
	brokerFlags
}

// Run runs the bridge until it is interrupted.
func (c *bridgeCmd) Run(ctx context.Context, io streams) error {
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
	}, l, logger)
	if err != nil {
		return err
	}
	return errors.Join(b.Run(ctx), b.Close())
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
