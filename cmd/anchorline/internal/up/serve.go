// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"

	"github.com/anchorline/anchorline/api/rest"
	"github.com/anchorline/anchorline/bridge/ops"
)

// serve runs a listener in the background until the world is closed.
func (w *world) serve(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- run(ctx) }()
	w.onClose(func() error {
		cancel()
		return <-result
	})
}

// startOps serves the bridge's quarantine on the socket in its folder, if there is room for the socket's
// path, and its health and metrics, if an address is given for them.
func (w *world) startOps(ctx context.Context) error {
	if s, err := ops.ListenControl(ctx, w.path("bridge"), w.bridge, w.cfg.Logger); err == nil {
		w.serve(s.Run)
	}
	if w.cfg.Ops == "" {
		return nil
	}
	s, err := ops.Listen(ctx, ops.Config{
		Listen: w.cfg.Ops, Dir: w.path("bridge"), Stream: w.stream(), Name: w.profile.Ledger(),
	}, w.bridge, w.ledger, w.cfg.Logger)
	if err != nil {
		return err
	}
	w.serve(s.Run)
	return nil
}

// startAPI serves the ledger, if an address is given for it.
func (w *world) startAPI(ctx context.Context) error {
	if w.cfg.API == "" {
		return nil
	}
	cfg := rest.Default()
	cfg.Listen, cfg.Name, cfg.Open = w.cfg.API, w.profile.Ledger(), w.cfg.Open
	s, err := rest.Listen(ctx, cfg, w.ledger, w.cfg.Logger)
	if err != nil {
		return err
	}
	w.apiURL = s.URL()
	w.serve(s.Run)
	return nil
}
