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
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/intake"
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
	halted  atomic.Pointer[error]
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
	b := &Bridge{cfg: cfg, stream: stream, ledger: l, spool: store, session: session, logger: logger}
	if b.signer, err = streamKey(cfg.keyFile()); err == nil {
		b.archive, err = archive.Open(filepath.Join(cfg.Dir, "archive"))
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
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
	courier := anchor.NewCourier(b.spool, b.archive, b.signer, b.ledger.Profile().Ledger(), b.session, b.logger)
	anchorer := anchor.New(b.cfg.anchoring(), b.spool, b.archive, b.ledger, courier, b.logger)
	checker := verify.New(registry{b.ledger}, time.Now)
	refusals := rate.Sometimes{First: 100, Interval: time.Second} // a flood of garbage is no flood of log lines
	observe := func(item spool.Item, o spool.Outcome) {
		switch o.Fate {
		case spool.Accepted:
			anchorer.Notify()
		case spool.Duplicate:
			courier.Again(item.Reading.Claims().Device, item.Reading.Claims().Sequence)
		case spool.Quarantined:
			refusals.Do(func() {
				b.logger.Warn("quarantined", "topic", item.Topic, "bytes", len(item.Payload), "reason", o.Reason, "detail", item.Detail)
			})
		}
	}
	in := intake.New(checker, b.spool, observe, time.Now, b.logger)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return in.Run(ctx, b.session) })
	g.Go(func() error { return b.untilEnd(ctx, anchorer.Run(ctx)) })
	g.Go(func() error { return b.untilEnd(ctx, courier.Run(ctx)) })
	g.Go(func() error { return b.watch(ctx, checker) })
	if !b.cfg.Evidence.Off {
		g.Go(func() error { b.collect(ctx); return nil })
	}
	return g.Wait()
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
func (b *Bridge) watch(ctx context.Context, checker *verify.Checker) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sameKey := func() {
		s, err := b.ledger.Stream(ctx, b.stream)
		if err != nil {
			return // asked again after the next event or fault
		}
		if key, _ := record.CurrentKey(s.Keys); key.Public != b.signer.Key().Text() {
			cancel(fmt.Errorf("%w: the ledger has key %s for stream %s: put it into %s and start the bridge again",
				ErrKeyReplaced, key.ID, s.Name(), b.cfg.keyFile()))
		}
	}
	b.ledger.Watch(ctx, func(e ledger.Event) {
		for _, changed := range e.Names() {
			checker.Forget(changed)
		}
		if e.Name == "StreamKeyRotated" && name.New(e.Owner, e.ID) == b.stream {
			sameKey()
		}
	}, func(err error) {
		checker.Forget(name.Name{})
		if err == nil {
			sameKey()
		}
	})
	if err := context.Cause(ctx); errors.Is(err, ErrKeyReplaced) {
		return err
	}
	return nil
}

// untilEnd lets the rest of the bridge go on when anchoring cannot: readings are still received
// and kept. The fault is reported now, and again when the bridge ends.
func (b *Bridge) untilEnd(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	b.halted.Store(&err)
	b.logger.Error("anchoring halted; readings are still received and kept. Mend this and start the bridge again", "error", err)
	<-ctx.Done()
	return err
}

// Status is a snapshot for people and health checks.
type Status struct {
	spool.Snapshot
	Connected bool  // to the broker
	Halted    error // why anchoring cannot go on, or nil
}

// Status returns the present counts and condition.
func (b *Bridge) Status() (Status, error) {
	snap, err := b.spool.Snapshot()
	s := Status{Snapshot: snap, Connected: b.session.Connected()}
	if h := b.halted.Load(); h != nil {
		s.Halted = *h
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

// registry translates the ledger's answer into what verify asks for.
type registry struct{ ledger *ledger.Client }

func (r registry) Device(ctx context.Context, device name.Name) (record.Device, error) {
	d, err := r.ledger.Device(ctx, device)
	if errors.Is(err, ledger.ErrNotFound) {
		return d, verify.ErrUnknown
	}
	return d, err
}

// proof makes the token that shows the ledger that we hold the stream's key.
func (b *Bridge) proof() ([]byte, error) {
	return reading.SignPossession(b.signer, reading.Subject{Kind: reading.StreamKey, Name: b.stream, Channel: b.ledger.Profile().Channel})
}
