// SPDX-License-Identifier: Apache-2.0

package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/quarantine"
)

// A Controlled bridge has a quarantine, and takes readings from its operator.
type Controlled interface {
	Quarantine() *quarantine.Store
	Retry(ctx context.Context, id uint64) (bridge.Retry, error)
	TakeIn(ctx context.Context, readings []bridge.Exported) ([]string, error)
}

// socketName is the control socket's name in the data folder.
const socketName = "control.sock"

// maxTakenIn bounds one request with readings, in bytes.
const maxTakenIn = 64 << 20

// ListenControl opens the control socket in the data folder, for the user of the bridge alone; Run serves
// on it. Only one bridge has a folder, so a socket that is there is a leftover.
func ListenControl(ctx context.Context, dir string, b Controlled, logger *slog.Logger) (*Server, error) {
	path := filepath.Join(dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("ops: control socket: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("ops: control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("ops: control socket: %w", err), l.Close())
	}
	c := control{b}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /quarantine", c.list)
	mux.HandleFunc("DELETE /quarantine", c.purge)
	mux.HandleFunc("GET /quarantine/totals", c.totals)
	mux.HandleFunc("GET /quarantine/{id}", c.byID(func(_ context.Context, id uint64) (any, error) { return b.Quarantine().Get(id) }))
	mux.HandleFunc("DELETE /quarantine/{id}", c.byID(func(_ context.Context, id uint64) (any, error) { return nil, b.Quarantine().Remove(id) }))
	mux.HandleFunc("POST /quarantine/{id}/retry", c.byID(func(ctx context.Context, id uint64) (any, error) { return b.Retry(ctx, id) }))
	mux.HandleFunc("POST /readings", c.takeIn)
	return newServer(l, mux, logger), nil
}

type control struct{ bridge Controlled }

func (c control) list(w http.ResponseWriter, r *http.Request) {
	f, err := filter(r)
	if err != nil {
		reply(w, nil, err)
		return
	}
	all, err := c.bridge.Quarantine().List(f)
	reply(w, all, err)
}

func (c control) purge(w http.ResponseWriter, r *http.Request) {
	f, err := filter(r)
	if err != nil {
		reply(w, nil, err)
		return
	}
	n, err := c.bridge.Quarantine().Purge(f)
	reply(w, n, err)
}

func (c control) totals(w http.ResponseWriter, _ *http.Request) {
	t, err := c.bridge.Quarantine().Totals()
	reply(w, t, err)
}

func (c control) byID(do func(ctx context.Context, id uint64) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
		if err != nil {
			reply(w, nil, fmt.Errorf("%w: %w", errRequest, err))
			return
		}
		v, err := do(r.Context(), id)
		reply(w, v, err)
	}
}

func (c control) takeIn(w http.ResponseWriter, r *http.Request) {
	var readings []bridge.Exported
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTakenIn)).Decode(&readings); err != nil {
		reply(w, nil, fmt.Errorf("%w: %w", errRequest, err))
		return
	}
	outcomes, err := c.bridge.TakeIn(r.Context(), readings)
	reply(w, outcomes, err)
}

// errRequest is wrapped by what is wrong with a request.
var errRequest = errors.New("ops: bad request")

func filter(r *http.Request) (quarantine.Filter, error) {
	var f quarantine.Filter
	if err := json.Unmarshal([]byte(r.URL.Query().Get("filter")), &f); err != nil {
		return f, fmt.Errorf("%w: filter: %w", errRequest, err)
	}
	return f, nil
}

// fault is the body of an answer that is not what was asked for.
type fault struct {
	Error string `json:"error"`
}

func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		switch {
		case errors.Is(err, quarantine.ErrNotFound):
			status = http.StatusNotFound
		case errors.Is(err, errRequest), errors.Is(err, bridge.ErrCut):
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		v = fault{err.Error()}
	}
	// An error is the caller's, who went away.
	_ = json.NewEncoder(w).Encode(v)
}
