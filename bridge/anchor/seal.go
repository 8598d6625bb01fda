// SPDX-License-Identifier: Apache-2.0

package anchor

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// author is who signed a reading.
type author struct {
	device name.Name
	key    cose.KeyID
}

// objection is why an author is not good any more; an empty reason is none.
type objection struct{ reason, detail string }

// seal seals the next batch, without the readings of devices and keys that the registry no longer stands
// for: what was accepted while it could not be asked, or before a change.
func (a *Anchorer) seal(ctx context.Context) (*spool.Batch, error) {
	selection, err := a.spool.Select(spool.Limit{Readings: a.cfg.MaxBatch, Bytes: a.cfg.MaxBatchBytes})
	if err != nil {
		return nil, err
	}
	found, err := a.judgeAll(ctx, selection.Candidates())
	if err != nil {
		return nil, fmt.Errorf("check before sealing: %w", err)
	}
	withdrawn := 0
	for _, c := range selection.Candidates() {
		if o := found[author{c.Device, c.Key}]; o.reason != "" {
			selection.Object(c.Position, o.reason, o.detail)
			withdrawn++
		}
	}
	b, err := a.spool.SealSelection(selection)
	if withdrawn > 0 {
		a.logger.Warn("readings that were accepted are not good any more and went to the quarantine", "readings", withdrawn)
	}
	if b != nil && len(b.Skipped) > withdrawn {
		a.logger.Error("readings that the disk changed went to the quarantine; their devices' next sending is accepted", "readings", len(b.Skipped)-withdrawn)
	}
	return b, err
}

// judges ask the registry at once: what it said lately costs nothing.
const judges = 16

// judgeAll asks once for each author.
func (a *Anchorer) judgeAll(ctx context.Context, candidates []spool.Candidate) (map[author]objection, error) {
	found := map[author]objection{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(judges)
	asked := map[author]bool{}
	for _, c := range candidates {
		s := author{c.Device, c.Key}
		if asked[s] {
			continue
		}
		asked[s] = true
		g.Go(func() error {
			reason, detail, err := a.judge.Standing(ctx, s.device, s.key)
			if err != nil || reason == "" {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			found[s] = objection{reason, detail}
			return nil
		})
	}
	return found, g.Wait()
}
