// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/durable"
)

// Fill puts every device of the registry into the cache. list is asked for them once.
func (c *Checker) Fill(ctx context.Context, list func(context.Context) ([]record.Device, error)) error {
	cache := c.devices
	cache.mu.Lock()
	epoch, asked := cache.epoch, cache.now()
	cache.mu.Unlock()
	all, err := list(ctx)
	if err != nil {
		return fmt.Errorf("verify: list the devices: %w", err)
	}
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cache.awaySince, cache.pause = time.Time{}, 0
	cache.fill(all, asked, epoch != cache.epoch)
	cache.complete = len(all) <= maxCached
	return nil
}

// fill keeps the devices. Stale ones, something of which may have changed since, are asked for again
// before they are used, as long as the registry answers.
func (c *cache) fill(all []record.Device, asked time.Time, stale bool) {
	for i := range all[:min(len(all), maxCached)] {
		d := parse(all[i], asked)
		d.stale = stale
		c.keep(all[i].Name(), d)
	}
}

// saved is the file's content, after a line with the SHA-256 of it.
type saved struct {
	Complete bool            `json:"complete"`
	Devices  []record.Device `json:"devices"`
}

// Save writes what is known of the devices to a file, if it changed since the last call. When it returns
// nil the file is on stable storage.
func (c *Checker) Save(path string) error {
	cache := c.devices
	cache.mu.Lock()
	if cache.changed == 0 {
		cache.mu.Unlock()
		return nil
	}
	cache.changed = 0
	s := saved{Complete: cache.complete, Devices: make([]record.Device, 0, len(cache.devices))}
	for _, d := range cache.devices {
		s.Devices = append(s.Devices, d.record)
	}
	cache.mu.Unlock()
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("verify: encode the devices: %w", err)
	}
	sum := sha256.Sum256(body)
	return durable.WriteFile(path, append(fmt.Appendf(nil, "%x\n", sum), body...), 0o600)
}

// ErrSaved is returned for a file that is not what Save wrote. It can be deleted: it only saves questions.
var ErrSaved = errors.New("verify: not a file of known devices")

// Load reads what Save wrote; a file that is not there is no error. The devices count as last known: the
// registry is asked before they are used, and they stand in for it while it does not answer.
func (c *Checker) Load(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	head, body, _ := bytes.Cut(data, []byte("\n"))
	var s saved
	if sum := sha256.Sum256(body); string(head) != fmt.Sprintf("%x", sum) {
		return fmt.Errorf("%w: %s: checksum does not match", ErrSaved, path)
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSaved, path, err)
	}
	c.devices.mu.Lock()
	defer c.devices.mu.Unlock()
	c.devices.fill(s.Devices, c.devices.now(), true)
	c.devices.complete = s.Complete
	return nil
}
