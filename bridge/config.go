// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/bridge/quarantine"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

// Config describes a bridge.
type Config struct {
	Dir      string        // data folder: the spool, the archive, the stream's key
	Stream   string        // stream id, unique within our organisation
	Broker   mqtt.Broker   // where devices publish
	Linger   time.Duration // how long the first reading of a batch waits for others
	MaxBatch uint64        // readings in a batch at most
	Evidence Evidence      // what Fabric signed about the batches, for auditors

	// MaxBatchBytes bounds the readings of a batch together, in bytes. A batch is in memory while its
	// receipts are made.
	MaxBatchBytes int64
	// QuarantineBytes bounds the refused messages that are kept; the oldest are summarised.
	QuarantineBytes int64
	// DiskReserve is how many bytes of the disk stay free of new readings: below it nothing is accepted, so
	// that what was accepted before can still be anchored.
	DiskReserve int64
	// RegistryGrace is how long devices are judged by the last known registry while the ledger is away.
	// After it nothing is acknowledged until the ledger answers.
	RegistryGrace time.Duration
}

// Evidence says what the bridge collects after a batch was anchored (package witness).
type Evidence struct {
	Off      bool          // nothing is collected
	Interval time.Duration // between two looks at what is new
	// Organisations are the MSP IDs of those whose peers attest. When none is named they are those of
	// the consortium's terms, and our own while there are no terms.
	Organisations []string
}

// Default returns the defaults; Dir, Stream and Broker have none.
func Default() Config {
	return Config{
		// Four anchors a second keep a reading's wait short, and cost a Fabric peer next to nothing.
		Linger:          250 * time.Millisecond,
		MaxBatch:        10_000,
		MaxBatchBytes:   32 << 20,
		QuarantineBytes: quarantine.DefaultLimit,
		DiskReserve:     256 << 20,
		RegistryGrace:   time.Hour,
		// One attestation serves all batches of five seconds, twenty at most by default.
		Evidence: Evidence{Interval: 5 * time.Second},
	}
}

// ErrConfig is wrapped by every fault of a configuration.
var ErrConfig = errors.New("bridge: configuration")

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: %w", ErrConfig, fmt.Errorf(format, args...)))
	}
	if c.Dir == "" {
		fault("no data folder given")
	}
	if !name.ValidID(c.Stream) {
		fault("stream %q: want 1 to 64 of A-Z a-z 0-9 . _ : - and a letter or digit first", c.Stream)
	}
	if _, err := c.Broker.Options("check"); err != nil {
		fault("%w", err)
	}
	if c.Linger < 0 || c.Linger > time.Hour {
		fault("linger %s: want 0 to 1h", c.Linger)
	}
	if c.MaxBatch < 1 || c.MaxBatch > 1_000_000 {
		fault("max batch %d: want 1 to 1000000 readings", c.MaxBatch)
	}
	if c.MaxBatchBytes < reading.MaxSize {
		fault("max batch bytes %d: want %d, which is one reading, or more", c.MaxBatchBytes, reading.MaxSize)
	}
	if c.QuarantineBytes < 0 || c.DiskReserve < 0 {
		fault("quarantine bytes %d, disk reserve %d: want 0 or more", c.QuarantineBytes, c.DiskReserve)
	}
	if c.RegistryGrace < 0 || c.RegistryGrace > maxGrace {
		fault("registry grace %s: want 0 to %s", c.RegistryGrace, maxGrace)
	}
	if !c.Evidence.Off && (c.Evidence.Interval < 100*time.Millisecond || c.Evidence.Interval > time.Hour) {
		fault("evidence interval %s: want 100ms to 1h", c.Evidence.Interval)
	}
	for _, o := range c.Evidence.Organisations {
		if !name.ValidOwner(o) {
			fault("organisation %q attests: want an MSP ID", o)
		}
	}
	return errors.Join(faults...)
}

// maxGrace bounds how long the last known registry may count.
const maxGrace = 7 * 24 * time.Hour

// ClientID is the MQTT client id of the bridge that writes the stream, fixed so that the broker keeps
// its session. Several organisations can share a broker.
func ClientID(stream name.Name) string { return "anchorline-bridge-" + stream.String() }

// registryFile holds the devices as the ledger had them last.
func (c Config) registryFile() string { return filepath.Join(c.Dir, "registry.json") }

// keyFile holds the stream's private key.
func (c Config) keyFile() string { return filepath.Join(c.Dir, "stream.key") }

func (c Config) anchoring() anchor.Config {
	return anchor.Config{Linger: c.Linger, MaxBatch: c.MaxBatch, MaxBatchBytes: c.MaxBatchBytes}
}
