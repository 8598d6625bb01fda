// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/anchorline/anchorline/bridge/anchor"
	"github.com/anchorline/anchorline/internal/mqtt"
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
		Linger: 250 * time.Millisecond,
		// A batch is held in memory while it is sealed: at 64 KiB a reading this bounds it to 640 MiB,
		// at a usual 300 bytes it is 3 MiB.
		MaxBatch: 10_000,
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

// ClientID is the MQTT client id of the bridge that writes the stream, fixed so that the broker keeps
// its session. Several organisations can share a broker.
func ClientID(stream name.Name) string { return "anchorline-bridge-" + stream.String() }

// keyFile holds the stream's private key.
func (c Config) keyFile() string { return filepath.Join(c.Dir, "stream.key") }

func (c Config) anchoring() anchor.Config {
	return anchor.Config{Linger: c.Linger, MaxBatch: c.MaxBatch}
}
