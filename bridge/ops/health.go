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

	"github.com/anchorline/anchorline/internal/health"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// A watch looks after one bridge.
type watch struct{ spool, disk, broker, ledger, anchoring *health.Check }

func newWatch(cfg Config, b Bridge, l Ledger) *watch {
	return &watch{
		spool: health.New("spool", func(context.Context) error {
			_, err := b.Status()
			return err
		}),
		disk:      health.New("disk", func(context.Context) error { return writable(cfg.Dir) }),
		broker:    health.New("broker", func(context.Context) error { return connected(b) }),
		ledger:    health.New("ledger", func(ctx context.Context) error { return reachable(ctx, l, cfg.Stream) }),
		anchoring: health.New("anchoring", func(context.Context) error { return anchoring(b) }),
	}
}

// health asks whether the process works: if not, starting it anew may help.
func (w *watch) health() health.Report { return health.Examine(w.spool, w.disk) }

// ready asks whether readings can arrive and be anchored. If not, what was accepted is kept, and
// devices' readings stay with the broker.
func (w *watch) ready() health.Report {
	return health.Examine(w.spool, w.disk, w.broker, w.ledger, w.anchoring)
}

// connected asks whether readings arrive.
func connected(b Bridge) error {
	s, err := b.Status()
	if err == nil && !s.Connected {
		err = errors.New("not connected; a bridge connects to the broker once the ledger serves its stream")
	}
	return err
}

// reachable asks the ledger something. That it has no such stream is an answer, too.
func reachable(ctx context.Context, l Ledger, stream name.Name) error {
	_, err := l.Head(ctx, stream)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	return err
}

// anchoring asks whether anchoring goes on, or waits for somebody.
func anchoring(b Bridge) error {
	s, err := b.Status()
	if err == nil && s.Halted != nil {
		err = fmt.Errorf("%w; mend this and start the bridge again", s.Halted)
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
