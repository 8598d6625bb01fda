// SPDX-License-Identifier: Apache-2.0

package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/internal/health"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// A watch looks after one bridge.
type watch struct {
	spool, disk, archive, broker, ledger, intake, anchoring, flow *health.Check
}

func newWatch(cfg Config, b Bridge, l Ledger) *watch {
	ask := func(name string, f func(bridge.Status) error) *health.Check {
		return health.New(name, func(context.Context) error {
			s, err := b.Status()
			if err != nil {
				return err
			}
			return f(s)
		})
	}
	return &watch{
		spool:   ask("spool", func(bridge.Status) error { return nil }),
		disk:    health.New("disk", func(context.Context) error { return writable(cfg.Dir) }),
		archive: health.New("archive", func(context.Context) error { return writable(filepath.Join(cfg.Dir, "archive")) }),
		broker:  ask("broker", connected),
		ledger:  health.New("ledger", func(ctx context.Context) error { return reachable(ctx, l, cfg.Stream) }),
		intake:  ask("intake", func(s bridge.Status) error { return s.Intake }),
		anchoring: ask("anchoring", func(s bridge.Status) error {
			if s.Halted != nil {
				return fmt.Errorf("%w; it goes on by itself when this is mended, unless the stream has two writers", s.Halted)
			}
			return nil
		}),
		flow: ask("flow", func(s bridge.Status) error { return flowing(s, cfg.maxAge(), time.Now()) }),
	}
}

// health asks whether the process works: if not, starting it anew may help. A full disk or a broker that is
// away is no reason to start it anew.
func (w *watch) health() health.Report { return health.Examine(w.spool) }

// ready asks whether readings arrive and are anchored. If not, what was accepted is kept, and devices'
// readings stay with the broker.
func (w *watch) ready() health.Report {
	return health.Examine(w.spool, w.disk, w.archive, w.broker, w.ledger, w.intake, w.anchoring, w.flow)
}

// flowing asks whether what was accepted reaches the ledger in time.
func flowing(s bridge.Status, limit time.Duration, now time.Time) error {
	waits := age(s, now)
	if waits <= limit.Seconds() {
		return nil
	}
	err := fmt.Errorf("the oldest of %d pending readings has waited for %s, more than %s",
		s.Pending(), time.Duration(waits*float64(time.Second)).Round(time.Second), limit)
	if s.Anchoring.Err != nil {
		err = fmt.Errorf("%w: %w", err, s.Anchoring.Err)
	}
	return err
}

// connected asks whether readings arrive.
func connected(s bridge.Status) error {
	if !s.Connected {
		return errors.New("not connected; a bridge connects to the broker once the ledger serves its stream")
	}
	return nil
}

// reachable asks the ledger something. That it has no such stream is an answer, too.
func reachable(ctx context.Context, l Ledger, stream name.Name) error {
	_, err := l.Head(ctx, stream)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	return err
}

// probeSize is more than a file system may keep inside an inode: a full disk must show.
const probeSize = 4096

// writable writes a small file, forces it to the disk and removes it.
func writable(dir string) error {
	path := filepath.Join(dir, ".ops-probe")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(path))
}

// answer writes what a question gives: 200 when all is well, else 503.
func answer(ask func() health.Report) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		report := ask()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !report.OK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		// An error is the prober's, who went away.
		_ = json.NewEncoder(w).Encode(report)
	}
}
