// SPDX-License-Identifier: Apache-2.0

// Package simulator runs many devices in one process, each with its own key, session and
// sequence: what a fleet looks like from the outside. It uses nothing that a device maker would
// not use.
package simulator

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A Registry registers devices.
type Registry interface {
	RegisterDevice(ctx context.Context, r ledger.Registration) (record.Device, error)
	Profile() ledger.Profile
}

// Config describes a fleet.
type Config struct {
	Dir       string // keys and outbox
	Owner     string // MSP ID of the devices' owner
	Prefix    string // of the device ids
	Devices   int
	Rate      Rate          // per device
	Heartbeat time.Duration // of each device; 0 is never
	Broker    device.Broker
	Streams   device.Streams
	OnReceipt func(id string, v device.Verified)
	Logger    *slog.Logger
}

// A Fleet is a number of devices.
type Fleet struct {
	cfg      Config
	outbox   *device.Outbox
	members  []*member
	verified atomic.Uint64 // in this run
}

type member struct {
	name   name.Name
	signer cose.Signer
	device *device.Device
}

// Open opens the fleet's folder, making keys for devices that have none: half of them Ed25519,
// half ES256.
func Open(cfg Config) (*Fleet, error) {
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	f := &Fleet{cfg: cfg}
	for i := range cfg.Devices {
		m := &member{name: name.New(cfg.Owner, fmt.Sprintf("%s-%02d", cfg.Prefix, i+1))}
		var err error
		if m.signer, err = key(filepath.Join(cfg.Dir, m.name.ID+".key"), i); err != nil {
			return nil, err
		}
		f.members = append(f.members, m)
	}
	var err error
	f.outbox, err = device.OpenOutbox(filepath.Join(cfg.Dir, "outbox.db"))
	return f, err
}

func key(path string, i int) (cose.Signer, error) {
	if _, err := os.Stat(path); err == nil {
		return device.ReadKey(path)
	}
	alg := cose.AlgorithmEdDSA
	if i%2 == 1 {
		alg = cose.AlgorithmES256
	}
	private, err := device.NewKey(alg)
	if err != nil {
		return nil, err
	}
	if err := device.WriteKey(path, private); err != nil {
		return nil, err
	}
	return cose.NewSigner(private)
}

// registering bounds the registrations in flight: a block takes many.
const registering = 16

// Register registers every device on the ledger as one of the caller's organisation, which must be
// the fleet's owner; those registered before stay as they are.
func (f *Fleet) Register(ctx context.Context, r Registry) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(registering)
	for _, m := range f.members {
		g.Go(func() error {
			proof, err := device.Possession(m.signer, m.name, r.Profile().Channel)
			if err != nil {
				return err
			}
			_, err = r.RegisterDevice(ctx, ledger.Registration{
				ID: m.name.ID, Key: m.signer.Key().Text(), Proof: proof, Type: "simulated",
			})
			return err
		})
	}
	return g.Wait()
}

// receiptTimeout is shorter than a device's usual: everything is on one machine or near it.
const receiptTimeout = 10 * time.Second

// Connect opens every device's session.
func (f *Fleet) Connect() error {
	for _, m := range f.members {
		d, err := device.Connect(device.Config{
			Device: m.name, Signer: m.signer, Broker: f.cfg.Broker, Outbox: f.outbox, Streams: f.cfg.Streams,
			Logger: f.cfg.Logger, ReceiptTimeout: receiptTimeout, Heartbeat: f.cfg.Heartbeat,
			OnReceipt: func(v device.Verified) {
				f.verified.Add(1)
				if f.cfg.OnReceipt != nil {
					f.cfg.OnReceipt(m.name.ID, v)
				}
			},
		})
		if err != nil {
			return err
		}
		m.device = d
	}
	return nil
}

// Run publishes synthetic readings at the fleet's rate until ctx ends: a temperature that swings
// around 20 °C within a minute, another phase for each device.
func (f *Fleet) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, m := range f.members {
		g.Go(func() error {
			return f.publish(ctx, m, func(n int) ([]device.Payload, error) {
				now := time.Now()
				phase := float64(now.UnixMilli()%60_000)/60_000 + float64(i)/float64(len(f.members))
				v := math.Round((20+5*math.Sin(2*math.Pi*phase))*100) / 100
				out := make([]device.Payload, n)
				for j := range out {
					p, err := device.SenML(m.name.ID, device.Measurement{Name: "temperature", Unit: "Cel", Value: v, Time: now})
					if err != nil {
						return nil, err
					}
					out[j] = p
				}
				return out, nil
			})
		})
	}
	return g.Wait()
}

// chunk is how many readings a device that sends as fast as it can signs and sends at once.
const chunk = 256

// publish asks next for payloads and publishes them, at the rate, until next returns none or ctx
// ends.
func (f *Fleet) publish(ctx context.Context, m *member, next func(n int) ([]device.Payload, error)) error {
	n, tick := 1, time.NewTicker(f.cfg.Rate.interval())
	defer tick.Stop()
	if f.cfg.Rate.Unlimited() {
		n = chunk
	}
	for {
		if n == 1 {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
		payloads, err := next(n)
		if err != nil || len(payloads) == 0 {
			return err
		}
		if _, err := m.device.Publish(ctx, payloads...); err != nil && ctx.Err() == nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// Tally sums the devices' counts since their outboxes were created.
func (f *Fleet) Tally() (device.Tally, error) {
	var sum device.Tally
	for _, m := range f.members {
		t, err := f.outbox.Tally(m.name)
		if err != nil {
			return sum, err
		}
		sum.Signed += t.Signed
		sum.Published += t.Published
		sum.Verified += t.Verified
	}
	return sum, nil
}

// Size is the number of devices.
func (f *Fleet) Size() int { return len(f.members) }

// IDs returns the devices' ids.
func (f *Fleet) IDs() []string {
	ids := make([]string, len(f.members))
	for i, m := range f.members {
		ids[i] = m.name.ID
	}
	return ids
}

// Drain waits until every reading has its receipt.
func (f *Fleet) Drain(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range f.members {
		g.Go(func() error { return m.device.Drain(ctx) })
	}
	return g.Wait()
}

// Close ends the sessions and closes the outbox.
func (f *Fleet) Close() error {
	for _, m := range f.members {
		if m.device != nil {
			m.device.Close()
		}
	}
	return f.outbox.Close()
}
