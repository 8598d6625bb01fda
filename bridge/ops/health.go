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

	"github.com/anchorline/anchorline/ledger"
)

// A Health is the answer of /healthz and /readyz.
type Health struct {
	OK     bool    `json:"ok"` // all checks are
	Checks []Check `json:"checks"`
}

// A Check is one part of it.
type Check struct {
	Name   string `json:"name"` // "spool", "disk", "broker", "ledger" or "anchoring"
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // what is wrong, and what it means
}

// A watch looks after one bridge.
type watch struct{ spool, disk, broker, ledger, anchoring *check }

func newWatch(cfg Config, b Bridge, l Ledger) *watch {
	return &watch{
		spool: &check{name: "spool", ask: func(context.Context) error {
			_, err := b.Status()
			return err
		}},
		disk: &check{name: "disk", ask: func(context.Context) error { return writable(cfg.Dir) }},
		broker: &check{name: "broker", ask: func(context.Context) error {
			return connected(b)
		}},
		ledger: &check{name: "ledger", ask: func(ctx context.Context) error {
			_, err := l.Head(ctx, cfg.Stream)
			if errors.Is(err, ledger.ErrNotFound) {
				return nil // an answer, too
			}
			return err
		}},
		anchoring: &check{name: "anchoring", ask: func(context.Context) error {
			return anchoring(b)
		}},
	}
}

// health asks whether the process works: if not, starting it anew may help.
func (w *watch) health() Health { return examine(w.spool, w.disk) }

// ready asks whether readings can arrive and be anchored. If not, what was accepted is kept, and
// devices' readings stay with the broker.
func (w *watch) ready() Health { return examine(w.spool, w.disk, w.broker, w.ledger, w.anchoring) }

func examine(checks ...*check) Health {
	h := Health{OK: true, Checks: make([]Check, len(checks))}
	done := make(chan struct{})
	for i, c := range checks {
		go func() {
			h.Checks[i] = Check{Name: c.name, OK: true}
			if err := c.result(); err != nil {
				h.Checks[i] = Check{Name: c.name, Detail: err.Error()}
			}
			done <- struct{}{}
		}()
	}
	for range checks {
		<-done
	}
	for _, c := range h.Checks {
		h.OK = h.OK && c.OK
	}
	return h
}

// connected asks whether readings arrive.
func connected(b Bridge) error {
	s, err := b.Status()
	if err == nil && !s.Connected {
		err = errors.New("not connected; a bridge connects to the broker once the ledger serves its stream")
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
func answer(ask func() Health) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		health := ask()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !health.OK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		// An error is the prober's, who went away.
		_ = json.NewEncoder(w).Encode(health)
	}
}
