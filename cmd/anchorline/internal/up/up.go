// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anchorline/anchorline/device/simulator"
)

// Run brings everything up, lets the devices publish until ctx ends, the time is over or the
// file was replayed, and stops. With an end of its own it drains first, and fails when the books
// do not balance then.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	began := time.Now()
	var series *simulator.Series
	if cfg.Replay != "" {
		var err error
		if series, err = simulator.ReadSeries(cfg.Replay); err != nil {
			return err
		}
	}
	w, err := start(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // interrupted while starting: not a fault
		}
		return errors.Join(err, w.close())
	}
	return errors.Join(w.run(ctx, series, began), w.close())
}

func (w *world) run(ctx context.Context, series *simulator.Series, began time.Time) error {
	if err := w.awaitStream(ctx); err != nil {
		return err
	}
	if err := w.writeTrust(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	fmt.Fprint(w.cfg.Out, w.hints())
	watching, stopWatching := context.WithCancel(context.Background())
	var watchers sync.WaitGroup
	watchers.Go(func() { w.show(watching, began) })
	watchers.Go(func() { w.keepStatements(watching) })
	err := w.publish(ctx, series)
	ends := w.cfg.For > 0 || series != nil
	if err == nil && ctx.Err() == nil && ends {
		err = w.drain(ctx)
	}
	stopWatching()
	watchers.Wait()
	w.saveStatements()
	return errors.Join(err, w.conclude(began, ends && ctx.Err() == nil))
}

// awaitStream waits until the bridge has opened its stream, so that what is written about it is
// true.
func (w *world) awaitStream(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s, err := w.bridge.Status(); err != nil || s.Connected {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.bridgeDone:
			return nil // close reports why
		case <-tick.C:
		}
	}
}

// publish has the devices publish, until they are done or the bridge is.
func (w *world) publish(ctx context.Context, series *simulator.Series) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if w.cfg.For > 0 {
		ctx, cancel = context.WithTimeout(ctx, w.cfg.For)
		defer cancel()
	}
	go func() {
		select {
		case <-w.bridgeDone:
			cancel()
		case <-ctx.Done():
		}
	}()
	if series != nil {
		return w.fleet.Replay(ctx, series)
	}
	return w.fleet.Run(ctx)
}

// drain waits until every reading is anchored and its receipt verified.
func (w *world) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Drain)
	defer cancel()
	w.cfg.Logger.Info("draining: waiting for the last receipts")
	if err := w.fleet.Drain(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := w.bridge.Status()
		if err != nil {
			return err
		}
		if s.Pending() == 0 && s.Receipted == s.Anchored {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not drained within %s: %d readings are not anchored yet", w.cfg.Drain, s.Pending())
		case <-tick.C:
		}
	}
}

// conclude writes the report and, for a drained run, judges it.
func (w *world) conclude(began time.Time, drained bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := w.report(ctx, began)
	if err != nil {
		return err
	}
	fmt.Fprint(w.cfg.Out, r.text())
	if w.cfg.Report != "" {
		if err := writeJSON(w.cfg.Report, r); err != nil {
			return err
		}
	}
	if !drained {
		return nil
	}
	return r.balance()
}

// ignoreEnd forgets an error that comes of an interruption.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
