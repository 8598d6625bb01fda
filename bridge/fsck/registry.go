// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A device is the ledger's record of one, with its keys parsed.
type device struct {
	record     record.Device
	keys       map[cose.KeyID]cose.Key
	registered bool
}

// A registry asks for each device once. A record only grows, so the one of now judges every anchor.
type registry struct {
	ledger Ledger
	flight singleflight.Group

	mu      sync.Mutex
	devices map[name.Name]*device
}

func newRegistry(l Ledger) *registry { return &registry{ledger: l, devices: map[name.Name]*device{}} }

func (r *registry) get(ctx context.Context, n name.Name) (*device, error) {
	if d := r.known(n); d != nil {
		return d, nil
	}
	d, err, _ := r.flight.Do(n.String(), func() (any, error) { return r.ask(ctx, n) })
	if err != nil {
		return nil, err
	}
	return d.(*device), nil
}

func (r *registry) known(n name.Name) *device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.devices[n]
}

func (r *registry) ask(ctx context.Context, n name.Name) (*device, error) {
	if d := r.known(n); d != nil {
		return d, nil
	}
	found, err := r.ledger.Device(ctx, n)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return nil, err
	}
	d := &device{record: found, registered: err == nil, keys: parseKeys(found.Keys)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.devices[n] = d
	return d, nil
}

// parseKeys leaves out what is no key of a kind that is known here: nothing verifies with it.
func parseKeys(keys []record.Key) map[cose.KeyID]cose.Key {
	parsed := make(map[cose.KeyID]cose.Key, len(keys))
	for _, k := range keys {
		if key, err := cose.ParseKeyText(k.Public); err == nil && key.ID().String() == k.ID {
			parsed[key.ID()] = key
		}
	}
	return parsed
}
