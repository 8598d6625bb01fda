// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

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

// Bounds on the memory of the cache, in devices.
const (
	maxCached  = 100_000
	maxUnknown = 10_000
)

// Devices that the cache does not know share a lane: so many are asked for at a time, and, while the
// cache holds every device there is, so many a second. Else a flood of made-up ids would take the ledger
// from the devices that there are.
const (
	laneWidth  = 8
	laneRate   = 200
	laneBurst  = 400
	askTimeout = 3 * time.Second // of a device for which there is a last known word
)

// While the registry does not answer it is asked again after a pause, by one question at a time.
const (
	minProbe = time.Second
	maxProbe = 15 * time.Second
)

// known is a device with its keys parsed.
type known struct {
	record  record.Device
	keys    map[cose.KeyID]cose.Key
	missing bool // not registered
	stale   bool // something changed since it was asked for
	asked   time.Time
}

type cache struct {
	registry Registry
	now      func() time.Time
	grace    time.Duration
	flight   singleflight.Group
	lane     chan struct{}
	budget   *rate.Limiter

	mu        sync.Mutex
	devices   map[name.Name]*known
	unknown   map[name.Name]*known
	complete  bool          // devices holds every device that there is
	changed   uint64        // counts what was put in or taken out
	epoch     uint64        // counts forgets: an answer asked for before one is not kept
	awaySince time.Time     // when the registry began not to answer, zero while it does
	probe     time.Time     // when it is asked again
	pause     time.Duration // between the last two
}

func newCache(r Registry, now func() time.Time) *cache {
	return &cache{
		registry: r, now: now, devices: map[name.Name]*known{}, unknown: map[name.Name]*known{},
		lane: make(chan struct{}, laneWidth), budget: rate.NewLimiter(laneRate, laneBurst),
	}
}

func (c *cache) forget(device name.Name) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	if device.IsZero() {
		clear(c.unknown)
		c.complete = false
		for _, d := range c.devices {
			d.stale = true
		}
		return
	}
	delete(c.unknown, device)
	if d := c.devices[device]; d != nil {
		d.stale = true
	}
}

// Sentinels of a device that nobody is asked about.
var (
	errTooMany   = errors.New("verify: too many unknown devices at once")
	errUndecided = errors.New("verify: not in the last known registry, and the ledger does not answer")
)

// get returns a device from the cache or the registry; many who ask at once ask once. While the registry
// does not answer the last known word will do for a time, unless the caller wants the present one.
func (c *cache) get(ctx context.Context, device name.Name, present bool) (*known, error) {
	d, epoch, fresh := c.cached(device)
	if !fresh {
		last, stranger := d, d == nil && !present
		if present {
			last = nil
		}
		var err error
		if d, err = c.refresh(ctx, device, last, epoch, stranger); err != nil {
			return nil, err
		}
	}
	if d.missing {
		return nil, ErrUnknown
	}
	return d, nil
}

// refresh asks the registry, for strangers in their lane.
func (c *cache) refresh(ctx context.Context, device name.Name, last *known, epoch uint64, stranger bool) (*known, error) {
	if last != nil && !c.mayAsk() {
		return last, nil
	}
	v, err, _ := c.flight.Do(fmt.Sprintf("%s %d %t", device, epoch, stranger), func() (any, error) {
		if stranger {
			leave, err := c.enter(ctx)
			if err != nil {
				return nil, err
			}
			defer leave()
		}
		return c.ask(ctx, device, epoch, last != nil)
	})
	switch {
	case err == nil:
		return v.(*known), nil
	case ctx.Err() != nil || errors.Is(err, errTooMany) || !c.withinGrace():
		return nil, err
	case last != nil:
		return last, nil
	case stranger && c.isComplete():
		return nil, errUndecided
	}
	return nil, err
}

// enter takes a place in the lane of the unknown.
func (c *cache) enter(ctx context.Context) (leave func(), err error) {
	if c.isComplete() && !c.budget.AllowN(c.now(), 1) {
		return nil, errTooMany
	}
	select {
	case c.lane <- struct{}{}:
		return func() { <-c.lane }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *cache) isComplete() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.complete
}

// cached returns the last known word, if there is one, and whether it is still good.
func (c *cache) cached(device name.Name) (d *known, epoch uint64, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := knownFor
	if d = c.devices[device]; d == nil {
		if d, limit = c.unknown[device], unknownFor; d == nil {
			return nil, c.epoch, false
		}
	}
	age := c.now().Sub(d.asked)
	fresh = !d.stale && age <= limit && age >= 0
	if d.missing && !fresh {
		d = nil
	}
	return d, c.epoch, fresh
}

func (c *cache) ask(ctx context.Context, device name.Name, epoch uint64, bounded bool) (*known, error) {
	if bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askTimeout)
		defer cancel()
	}
	asked := c.now()
	r, err := c.registry.Device(ctx, device)
	if err != nil && !errors.Is(err, ErrUnknown) {
		c.noteAway()
		return nil, err
	}
	d := &known{asked: asked, missing: true}
	if err == nil {
		d = parse(r, asked)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaySince, c.pause = time.Time{}, 0
	if epoch == c.epoch {
		c.keep(device, d)
	}
	return d, nil
}

// keep puts a word into the cache. Something makes room for it; a map's order is random enough.
func (c *cache) keep(device name.Name, d *known) {
	c.changed++
	if d.missing {
		delete(c.devices, device)
		makeRoom(c.unknown, maxUnknown)
		c.unknown[device] = d
		return
	}
	delete(c.unknown, device)
	if makeRoom(c.devices, maxCached) {
		c.complete = false
	}
	c.devices[device] = d
}

func makeRoom(devices map[name.Name]*known, limit int) (made bool) {
	for device := range devices {
		if len(devices) < limit {
			break
		}
		delete(devices, device)
		made = true
	}
	return made
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
