// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/anchorline/anchorline/bridge/verify"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// registry translates the ledger's answer into what verify asks for.
type registry struct{ ledger *ledger.Client }

// Device asks the ledger.
func (r registry) Device(ctx context.Context, device name.Name) (record.Device, error) {
	d, err := r.ledger.Device(ctx, device)
	if errors.Is(err, ledger.ErrNotFound) {
		return d, verify.ErrUnknown
	}
	return d, err
}

// How the devices are listed and kept: a fleet is in the cache before its readings come, and in a file
// that stands in for the ledger after a restart.
const (
	fillTimeout  = 10 * time.Second
	saveInterval = time.Minute
)

// fill lists all devices. When it cannot they are asked for one by one.
func (b *Bridge) fill(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	err := b.checker.Fill(ctx, func(ctx context.Context) ([]record.Device, error) {
		return b.ledger.Devices(ctx, ledger.DeviceFilter{})
	})
	if err != nil {
		b.logger.Warn("the devices could not be listed; each is asked for when it sends", "error", err)
	}
}

// wantRefill asks for a new list. It never blocks.
func (b *Bridge) wantRefill() {
	select {
	case b.refill <- struct{}{}:
	default:
	}
}

// keepRegistry lists the devices anew after the ledger was away, judges what was undecided meanwhile, and
// keeps the list on disk.
func (b *Bridge) keepRegistry(ctx context.Context) {
	save := func() {
		if err := b.checker.Save(b.cfg.registryFile()); err != nil {
			b.logger.Warn("the known devices were not saved", "error", err)
		}
	}
	save()
	ticker := time.NewTicker(saveInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			save()
			return
		case <-ticker.C:
			save()
		case <-b.refill:
			b.fill(ctx)
			b.decide(ctx)
		}
	}
}
