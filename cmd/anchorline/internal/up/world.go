// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/device/simulator"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/network/broker"
	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/reading/name"
)

// A world is everything that up runs. Its parts are stopped in the reverse order.
type world struct {
	cfg     Config
	names   names
	profile ledger.Profile
	broker  mqtt.Broker
	network *devnet.Network // nil with --fabric
	ledger  *ledger.Client
	bridge  *bridge.Bridge
	fleet   *simulator.Fleet
	apiURL  string // empty without an API
	trust   trust.Trust

	stops      []func() error
	bridgeDone chan struct{}
	bridgeErr  error

	recordMu sync.Mutex
	record   *record.Stream // our stream's, once it was asked for

	mu       sync.Mutex
	verified map[string]device.Verified // the latest by device id, until their statements are written
	latest   *device.Verified
	latestID string
}

// start brings everything up. On an error, close stops what runs.
func start(ctx context.Context, cfg Config) (*world, error) {
	w := &world{cfg: cfg, verified: map[string]device.Verified{}, bridgeDone: make(chan struct{})}
	for _, step := range []func(context.Context) error{
		w.folder, w.startNetwork, w.startBroker, w.startBridge, w.startOps, w.startAPI, w.startFleet,
	} {
		if err := step(ctx); err != nil {
			return w, err
		}
		if ctx.Err() != nil {
			return w, ctx.Err()
		}
	}
	return w, nil
}

func (w *world) onClose(f func() error) { w.stops = append(w.stops, f) }

// close stops everything; what was accepted is on disk.
func (w *world) close() error {
	var errs []error
	for i := len(w.stops) - 1; i >= 0; i-- {
		errs = append(errs, w.stops[i]())
	}
	w.stops = nil
	return errors.Join(errs...)
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.cfg.Data}, parts...)...)
}

func (w *world) folder(context.Context) error {
	for _, dir := range []string{"broker", "statements"} {
		if err := os.MkdirAll(w.path(dir), 0o750); err != nil {
			return err
		}
	}
	var err error
	w.names, err = loadNames(w.path("names.json"), w.cfg)
	return err
}

func (w *world) startNetwork(ctx context.Context) error {
	if w.cfg.Fabric != "" {
		var err error
		if w.profile, err = ledger.ReadProfile(w.cfg.Fabric); err != nil {
			return err
		}
	} else {
		dir, err := filepath.Abs(w.path("ledger")) // the profile must be good from anywhere
		if err != nil {
			return err
		}
		cfg := devnet.Default(dir)
		cfg.Logger = w.cfg.Logger
		n, err := devnet.Start(ctx, cfg)
		if err != nil {
			return err
		}
		w.network = n
		w.onClose(n.Close)
		if err := bootstrap(ctx, n); err != nil {
			return err
		}
		w.profile = ledger.Profile(n.Profile("Org1MSP", "User1"))
		if err := w.writeProfiles(); err != nil {
			return err
		}
	}
	var err error
	if w.ledger, err = ledger.Connect(w.profile); err != nil {
		return err
	}
	w.onClose(w.ledger.Close)
	return nil
}

// writeProfiles writes a connection profile for each identity of the embedded network; the one
// that up itself uses is profile.json.
func (w *world) writeProfiles() error {
	if err := writeJSON(w.path("profile.json"), w.profile); err != nil {
		return err
	}
	for file, id := range map[string][2]string{
		"profile-org1-admin.json": {"Org1MSP", "Admin"},
		"profile-org2.json":       {"Org2MSP", "User1"},
		"profile-org2-admin.json": {"Org2MSP", "Admin"},
	} {
		if err := writeJSON(w.path(file), ledger.Profile(w.network.Profile(id[0], id[1]))); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) startBroker(context.Context) error {
	if w.cfg.Broker.URL != "" {
		w.broker = w.cfg.Broker
		return nil
	}
	b, err := broker.Start(broker.Config{
		Dir: w.path("broker"), Listen: w.cfg.Listen, Consumer: bridge.ClientID(w.stream()),
		Filter: mqtt.ReadingsFilter, Logger: w.cfg.Logger,
	})
	if err != nil {
		return fmt.Errorf("%w (another broker on this port? choose one with --listen, or use it with --broker)", err)
	}
	w.broker = mqtt.Broker{URL: b.URL()}
	w.onClose(b.Close)
	return nil
}

// startBridge runs the bridge in the background; its end is seen in bridgeDone.
func (w *world) startBridge(context.Context) error {
	b, err := bridge.Open(w.cfg.bridge(w.path("bridge"), w.names.Stream, w.broker), w.ledger, w.cfg.Logger)
	if err != nil {
		return err
	}
	w.bridge = b
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(w.bridgeDone)
		w.bridgeErr = b.Run(ctx)
	}()
	w.onClose(func() error {
		cancel()
		<-w.bridgeDone
		return errors.Join(w.bridgeErr, b.Close())
	})
	return nil
}

func (w *world) startFleet(ctx context.Context) error {
	rate := w.cfg.Rate
	if w.cfg.Replay != "" && !w.cfg.RateSet {
		rate = 0
	}
	f, err := simulator.Open(simulator.Config{
		Dir: w.path("devices"), Owner: w.profile.MSPID, Prefix: w.names.Prefix, Devices: w.cfg.Devices, Rate: rate, Broker: w.broker,
		Streams:   w.streams,
		OnReceipt: w.onReceipt,
		Logger:    w.cfg.Logger,
	})
	if err != nil {
		return err
	}
	w.fleet = f
	w.onClose(f.Close)
	if err := f.Register(ctx, w.ledger); err != nil {
		return fmt.Errorf("register the simulated devices: %w", err)
	}
	return f.Connect()
}

// stream is the name of the stream that our bridge writes.
func (w *world) stream() name.Name { return name.New(w.profile.MSPID, w.names.Stream) }

// streams gives the devices the ledger's record of our stream, and of no other. It is asked for once:
// while we run, nobody else replaces the key of a bridge.
func (w *world) streams(stream name.Name) (record.Stream, bool) {
	if stream != w.stream() {
		return record.Stream{}, false
	}
	w.recordMu.Lock()
	defer w.recordMu.Unlock()
	if w.record == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s, err := w.ledger.Stream(ctx, stream)
		if err != nil {
			w.cfg.Logger.Warn("the stream's record cannot be read; its receipts are refused and come again", "stream", stream, "error", err)
			return record.Stream{}, false
		}
		w.record = &s
	}
	return *w.record, true
}

func (w *world) onReceipt(id string, v device.Verified) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verified[id], w.latest, w.latestID = v, &v, id
}
