// SPDX-License-Identifier: Apache-2.0

// Package bridge is MQTT to ledger: it puts intake, verify, spool, archive, anchor and witness together
// over one data folder. What each promises is said there; what the whole promises is in README.md.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/intake"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/bridge/witness"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A Bridge is one stream's writer. One process at a time can have its folder open.
type Bridge struct {
	cfg     Config
	stream  name.Name
	ledger  *ledger.Client
	spool   *spool.Spool
	archive *archive.Archive
	session *intake.Session
	signer  cose.Signer
	logger  *slog.Logger

	checker  *verify.Checker
	anchorer *anchor.Anchorer
	courier  *anchor.Courier
	guard    *guard
	refill   chan struct{} // holds one token when all devices should be listed anew
}

// Open opens the bridge's folder, creating it and the stream's key when they are missing.
func Open(cfg Config, l *ledger.Client, logger *slog.Logger) (*Bridge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(filepath.Clean(cfg.Dir))); err != nil {
		return nil, err
	}
	stream := name.New(l.Profile().MSPID, cfg.Stream)
	session, err := intake.NewSession(cfg.Broker, ClientID(stream), logger)
	if err != nil {
		return nil, err
	}
	// The spool first: it is locked by whoever has the folder, and only they may make its key.
	store, err := spool.Open(filepath.Join(cfg.Dir, "spool.db"), stream)
	if err != nil {
		return nil, err
	}
	store.Quarantine().SetLimit(cfg.QuarantineBytes)
	b := &Bridge{cfg: cfg, stream: stream, ledger: l, spool: store, session: session, logger: logger, refill: make(chan struct{}, 1)}
	if b.signer, err = streamKey(cfg.keyFile()); err == nil {
		b.archive, err = archive.Open(filepath.Join(cfg.Dir, "archive"))
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	b.checker = verify.New(registry{l}, time.Now)
	b.checker.SetGrace(cfg.RegistryGrace)
	if err := b.checker.Load(cfg.registryFile()); err != nil {
		logger.Warn("the devices known last are not used", "error", err)
	}
	b.courier = anchor.NewCourier(store, b.archive, b.signer, l.Profile().Ledger(), session, logger)
	b.anchorer = anchor.New(cfg.anchoring(), store, b.archive, l, b.checker, b.courier, logger)
	b.guard = newGuard(store, cfg.Dir, cfg.DiskReserve)
	return b, nil
}

// Close closes the folder. Run must have returned.
func (b *Bridge) Close() error { return b.spool.Close() }

// Run works until ctx ends: nothing is lost when it does, and the next Run goes on from there.
// An error means that somebody must mend something.
func (b *Bridge) Run(ctx context.Context) error {
	if err := b.openStream(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	b.fill(ctx)
	in := intake.New(b.checker, b.guard, b.observer(), time.Now, b.logger)
	g, ctx := errgroup.WithContext(ctx)
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	g.Go(func() error { return in.Run(receiving, b.session) })
	g.Go(func() error {
		err := b.anchorer.Run(ctx)
		if err == nil {
			return nil
		}
		// Two writers: what is accepted now could never be anchored. The process stays, to say why.
		b.guard.refuse(err)
		stop()
		<-ctx.Done()
		return err
	})
	g.Go(func() error { return b.courier.Run(ctx) })
	g.Go(func() error { return b.watch(ctx) })
	g.Go(func() error { b.keepRegistry(ctx); return nil })
	if !b.cfg.Evidence.Off {
		g.Go(func() error { b.collect(ctx); return nil })
	}
	return g.Wait()
}

// observer tells the workers what became of each message.
func (b *Bridge) observer() intake.Observer {
	refusals := rate.Sometimes{First: 100, Interval: time.Second} // a flood of garbage is no flood of log lines
	return func(item spool.Item, o spool.Outcome) {
		switch o.Fate {
		case spool.Accepted:
			b.anchorer.Notify()
		case spool.Duplicate:
			b.courier.Again(item.Reading.Claims().Device, item.Reading.Claims().Sequence)
		case spool.Quarantined:
			refusals.Do(func() {
				b.logger.Warn("quarantined", "topic", item.Topic, "bytes", len(item.Payload), "reason", o.Reason, "detail", item.Detail)
			})
		}
	}
}

// collect keeps what Fabric signed about the batches.
func (b *Bridge) collect(ctx context.Context) {
	witness.New(witness.Config{
		Stream: b.stream, Interval: b.cfg.Evidence.Interval, Organisations: b.attesting,
	}, b.spool, b.archive, b.ledger, b.logger).Run(ctx)
}

// attesting returns who attests our batches.
func (b *Bridge) attesting(ctx context.Context) ([]string, error) {
	if len(b.cfg.Evidence.Organisations) > 0 {
		return b.cfg.Evidence.Organisations, nil
	}
	consortium, err := b.ledger.Consortium(ctx)
	if err != nil {
		return nil, err
	}
	if consortium.Terms == nil {
		return []string{b.stream.Owner}, nil
	}
	return consortium.Terms.Organisations, nil
}

// watch follows the ledger's changes: devices that changed are asked for anew, and a stream's key that
// was replaced ends the bridge, since receipts signed with a replaced key need not be trusted.
func (b *Bridge) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sameKey := func() {
		s, err := b.ledger.Stream(ctx, b.stream)
		if err != nil {
			return // asked again after the next event or fault
		}
		key, open := record.CurrentKey(s.Keys)
		if !open {
			cancel(fmt.Errorf("%w: the owner stopped stream %s; an admin gives it another key (anchorline stream rotate-key), which goes into %s",
				ErrKeyReplaced, s.Name(), b.cfg.keyFile()))
		} else if key.Public != b.signer.Key().Text() {
			cancel(fmt.Errorf("%w: the ledger has key %s for stream %s: put it into %s and start the bridge again",
				ErrKeyReplaced, key.ID, s.Name(), b.cfg.keyFile()))
		}
	}
	b.ledger.Watch(ctx, func(e ledger.Event) {
		for _, changed := range e.Names() {
			b.checker.Forget(changed)
		}
		if (e.Name == "StreamKeyRotated" || e.Name == "StreamStopped") && name.New(e.Owner, e.ID) == b.stream {
			sameKey()
		}
	}, func(err error) {
		b.checker.Forget(name.Name{})
		if err == nil {
			b.wantRefill()
			sameKey()
		}
	})
	if err := context.Cause(ctx); errors.Is(err, ErrKeyReplaced) {
		return err
	}
	return nil
}

// Status is a snapshot for people and health checks.
type Status struct {
	spool.Snapshot
	Connected  bool             // to the broker
	Halted     error            // what somebody must mend before anchoring or receipts go on, or nil
	Anchoring  anchor.Condition // what keeps batches from the ledger
	Receipts   anchor.Condition // what keeps receipts from the devices
	Intake     error            // why nothing is accepted at the moment, or nil
	LedgerAway time.Time        // since when the ledger has not said who a device is, zero while it does
	Quarantine quarantine.Totals
}

// Status returns the present counts and condition.
func (b *Bridge) Status() (Status, error) {
	snap, err := b.spool.Snapshot()
	s := Status{
		Snapshot: snap, Connected: b.session.Connected(),
		Anchoring: b.anchorer.Condition(), Receipts: b.courier.Condition(), Intake: b.guard.closed(),
	}
	if s.Halted = s.Anchoring.Halted(); s.Halted == nil {
		s.Halted = s.Receipts.Halted()
	}
	s.LedgerAway, _ = b.checker.AwaySince()
	if err == nil {
		s.Quarantine, err = b.spool.Quarantine().Totals()
	}
	return s, err
}

// Key is the public key of the stream.
func (b *Bridge) Key() cose.Key { return b.signer.Key() }

// Stream is the name of the stream: our organisation and the configured id.
func (b *Bridge) Stream() name.Name { return b.stream }

// Statement assembles everything an offline verifier needs for one reading, once its batch is
// receipted.
func (b *Bridge) Statement(device name.Name, sequence uint64) ([]byte, error) {
	batch, index, err := b.spool.Find(device, sequence)
	if err != nil {
		return nil, err
	}
	if batch == nil || (batch.State != spool.Receipted && batch.State != spool.Committed) {
		return nil, fmt.Errorf("%w: reading %d of %s is not anchored yet", archive.ErrNotFound, sequence, device)
	}
	return b.archive.Statement(batch.Number, index)
}

// proof makes the token that shows the ledger that we hold the stream's key.
func (b *Bridge) proof() ([]byte, error) {
	return reading.SignPossession(b.signer, reading.Subject{Kind: reading.StreamKey, Name: b.stream, Channel: b.ledger.Profile().Channel})
}
