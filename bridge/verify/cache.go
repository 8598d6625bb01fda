// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// How long the cache believes what the ledger said. Changes are announced by events, so a known
// device is asked for again only in case an event was lost. That a device is unknown is believed
// just long enough to blunt a flood of readings under one made-up id.
const (
	knownFor   = 5 * time.Minute
	unknownFor = 250 * time.Millisecond
)

// maxCached bounds the memory of the cache, in devices.
const maxCached = 100_000

// known is a device with its keys parsed.
type known struct {
	record  record.Device
	keys    map[cose.KeyID]cose.Key
	missing bool // not registered
	asked   time.Time
}

type cache struct {
	registry Registry
	now      func() time.Time
	flight   singleflight.Group

	mu      sync.Mutex
	devices map[name.Name]*known
	epoch   uint64 // counts forgets: an answer asked for before one is not kept
}

func newCache(r Registry, now func() time.Time) *cache {
	return &cache{registry: r, now: now, devices: map[name.Name]*known{}}
}

func (c *cache) forget(device name.Name) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	if device.IsZero() {
		clear(c.devices)
		return
	}
	delete(c.devices, device)
}

// get returns a device from the cache or the registry; many who ask at once ask once.
func (c *cache) get(ctx context.Context, device name.Name) (*known, error) {
	d, epoch := c.cached(device)
	if d == nil {
		v, err, _ := c.flight.Do(fmt.Sprintf("%s %d", device, epoch), func() (any, error) { return c.ask(ctx, device, epoch) })
		if err != nil {
			return nil, err
		}
		d = v.(*known)
	}
	if d.missing {
		return nil, ErrUnknown
	}
	return d, nil
}

func (c *cache) cached(device name.Name) (*known, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.devices[device]
	if d == nil {
		return nil, c.epoch
	}
	age, limit := c.now().Sub(d.asked), knownFor
	if d.missing {
		limit = unknownFor
	}
	if age > limit || age < 0 {
		return nil, c.epoch
	}
	return d, c.epoch
}

func (c *cache) ask(ctx context.Context, device name.Name, epoch uint64) (*known, error) {
	asked := c.now()
	r, err := c.registry.Device(ctx, device)
	d := &known{asked: asked}
	switch {
	case errors.Is(err, ErrUnknown):
		d.missing = true
	case err != nil:
		return nil, err
	default:
		d = parse(r, asked)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch == c.epoch {
		c.makeRoom()
		c.devices[device] = d
	}
	return d, nil
}

// makeRoom drops some entry; the map's order is random enough.
func (c *cache) makeRoom() {
	if len(c.devices) < maxCached {
		return
	}
	for device := range c.devices {
		delete(c.devices, device)
		return
	}
}

// parse leaves out a key that it cannot read: a newer chaincode may register kinds of keys that
// this bridge does not know, and one such device must not hold up the others.
func parse(r record.Device, asked time.Time) *known {
	d := &known{record: r, keys: make(map[cose.KeyID]cose.Key, len(r.Keys)), asked: asked}
	for _, k := range r.Keys {
		if public, err := cose.ParseKeyText(k.Public); err == nil {
			d.keys[public.ID()] = public
		}
	}
	return d
}
