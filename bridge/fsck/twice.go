// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/reading"
)

// An occurrence is where a reading whose number came twice is.
type occurrence struct {
	source  int
	batch   uint64
	content [32]byte
}

// compareTwice looks for all readings whose numbers came twice, which the first pass has not kept, and
// says of each whether it is the same reading or another one.
func (a *auditor) compareTwice(ctx context.Context) error {
	if len(a.state.twice) == 0 {
		return nil
	}
	found, err := a.occurrences(ctx)
	if err != nil {
		return err
	}
	list := map[occurrence]*faults{} // by source and batch
	for r, all := range found {
		slices.SortFunc(all, func(a, b occurrence) int {
			return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.batch, b.batch), slices.Compare(a.content[:], b.content[:]))
		})
		a.judgeTwice(list, r, all)
	}
	places := make([]occurrence, 0, len(list))
	for p := range list {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b occurrence) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.batch, b.batch))
	})
	for _, p := range places {
		for _, f := range sorted(list[p].list) {
			a.state.note(f)
		}
	}
	clear(a.state.twice)
	return nil
}

// sorted puts faults in an order that does not depend on a map's.
func sorted(list []Fault) []Fault {
	slices.SortFunc(list, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Device.String(), b.Device.String()), cmp.Compare(a.Check, b.Check), cmp.Compare(a.What, b.What))
	})
	return list
}

// judgeTwice notes faults of all occurrences of a number but the first.
func (a *auditor) judgeTwice(list map[occurrence]*faults, r reference, all []occurrence) {
	shared := false
	for i, o := range all[1:] {
		first := all[0]
		place := occurrence{source: o.source, batch: o.batch}
		f := list[place]
		if f == nil {
			f = &faults{stream: a.sources[o.source].Stream, batch: o.batch}
		}
		other := slices.IndexFunc(all[:i+1], func(b occurrence) bool { return b.content != o.content })
		same := slices.IndexFunc(all[:i+1], func(b occurrence) bool { return b.source == o.source && b.content == o.content })
		switch {
		case other >= 0:
			f.reading(ReadingConflict, r, "another content has the same number, "+a.place(all[other]))
		case same >= 0:
			f.reading(ReadingOnce, r, "the same reading is there once more, "+a.place(all[same]))
		default:
			shared = shared || first.source != o.source
			continue
		}
		list[place] = f
	}
	if shared {
		a.state.Shared++
	}
}

func (a *auditor) place(o occurrence) string {
	return fmt.Sprintf("in batch %d of stream %s", o.batch, a.sources[o.source].Stream)
}

// occurrences goes over all batches once more. What is missing or damaged is a fault already.
func (a *auditor) occurrences(ctx context.Context) (map[reference][]occurrence, error) {
	var mu sync.Mutex
	found := map[reference][]occurrence{}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(a.options.Workers)
	for i, s := range a.sources {
		for n := uint64(1); n <= a.state.Streams[i].Number && running.Err() == nil; n++ {
			g.Go(func() error {
				b, err := s.Archive.Get(n)
				if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrDamaged) {
					return nil
				}
				if err != nil {
					return err
				}
				for _, e := range b.Entries {
					r, content, ok := a.sought(e.Reading)
					if ok {
						mu.Lock()
						found[r] = append(found[r], occurrence{source: i, batch: n, content: content})
						mu.Unlock()
					}
				}
				return running.Err()
			})
		}
	}
	return found, errors.Join(g.Wait(), ctx.Err())
}

// sought reports whether a reading's number came twice.
func (a *auditor) sought(data []byte) (r reference, content [32]byte, ok bool) {
	parsed, err := reading.Parse(data)
	if err != nil {
		return r, content, false
	}
	r = reference{parsed.Claims().Device, parsed.Claims().Sequence}
	if _, ok = a.state.twice[r]; ok {
		content = parsed.ContentHash()
	}
	return r, content, ok
}
