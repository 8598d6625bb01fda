// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/anchorline/anchorline/bridge/gap"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/reading/name"
)

const (
	zeroHash = record.ZeroHash

	checkpointType    = "archive-checkpoint"
	checkpointVersion = 1
)

// A checkpointFile has a checkpoint and the SHA-256 of its bytes.
type checkpointFile struct {
	Checkpoint json.RawMessage `json:"checkpoint"`
	SHA256     string          `json:"sha256"`
}

type checkpointJSON struct {
	Type       string         `json:"type"`
	Version    int            `json:"version"`
	Ledger     string         `json:"ledger"`
	Streams    []streamJSON   `json:"streams"`
	Union      []numbersJSON  `json:"union,omitempty"`
	Devices    []countsJSON   `json:"devices"`
	Faults     []Fault        `json:"faults,omitempty"`
	Omitted    uint64         `json:"omitted,omitempty"`
	Shared     uint64         `json:"shared,omitempty"`
	Twice      []sequenceJSON `json:"twice,omitempty"`
	Uncompared uint64         `json:"uncompared,omitempty"`
}

type streamJSON struct {
	streamState
	Numbers []numbersJSON `json:"numbers"`
}

// numbersJSON is what is known of a device's numbers. A run is [from, to, batch, jump].
type numbersJSON struct {
	Device  name.Name   `json:"device"`
	Highest uint64      `json:"highest"`
	Missing [][4]uint64 `json:"missing,omitempty"`
}

type countsJSON struct {
	Device     name.Name `json:"device"`
	Readings   uint64    `json:"readings"`
	Repudiated uint64    `json:"repudiated,omitempty"`
	Why        string    `json:"why,omitempty"`
}

type sequenceJSON struct {
	Device   name.Name `json:"device"`
	Sequence uint64    `json:"sequence"`
}

// ReadCheckpoint reads a file. A file that is not there is no checkpoint, nil; one that is not as it was
// written is ErrCheckpoint.
func ReadCheckpoint(path string) (*Checkpoint, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fsck: %w", err)
	}
	c, err := parseCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCheckpoint, path, err)
	}
	return c, nil
}

func parseCheckpoint(data []byte) (*Checkpoint, error) {
	var file checkpointFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(file.Checkpoint); hex.EncodeToString(sum[:]) != file.SHA256 {
		return nil, fmt.Errorf("its checksum does not fit")
	}
	var j checkpointJSON
	dec := json.NewDecoder(bytes.NewReader(file.Checkpoint))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return nil, err
	}
	if j.Type != checkpointType || j.Version != checkpointVersion || len(j.Streams) == 0 {
		return nil, fmt.Errorf("it is %q of version %d", j.Type, j.Version)
	}
	counted := map[name.Name]bool{}
	for _, d := range j.Devices {
		counted[d.Device] = true
	}
	for _, s := range j.Streams {
		if err := check(s.Numbers, counted); err != nil {
			return nil, err
		}
	}
	return j.checkpoint(), check(j.Union, counted)
}

// check returns an error unless each device is one of those that were counted, comes once, and has its
// runs in order and below its highest number.
func check(devices []numbersJSON, counted map[name.Name]bool) error {
	for i, d := range devices {
		if !counted[d.Device] || d.Highest == 0 || i > 0 && name.Compare(devices[i-1].Device, d.Device) >= 0 {
			return fmt.Errorf("device %s is not in its place", d.Device)
		}
		var last uint64
		for _, r := range d.Missing {
			if r[0] <= last || r[1] < r[0] || r[1] >= d.Highest || r[3] > 1 {
				return fmt.Errorf("the numbers that %s misses are not in order", d.Device)
			}
			last = r[1]
		}
	}
	return nil
}

func (j checkpointJSON) checkpoint() *Checkpoint {
	c := &Checkpoint{
		Ledger: j.Ledger, Faults: j.Faults, Omitted: j.Omitted, Shared: j.Shared, uncompared: j.Uncompared,
		devices: map[name.Name]*deviceState{}, twice: map[reference]struct{}{},
	}
	for _, s := range j.Streams {
		s.gaps = memory(s.Numbers)
		c.Streams = append(c.Streams, s.streamState)
	}
	if len(j.Streams) > 1 {
		c.union = memory(j.Union)
	}
	for _, d := range j.Devices {
		c.devices[d.Device] = &deviceState{readings: d.Readings, repudiated: d.Repudiated, why: d.Why}
	}
	for _, t := range j.Twice {
		c.twice[reference{t.Device, t.Sequence}] = struct{}{}
	}
	return c
}

// memory makes the store of what is known of devices. Memory has no errors.
func memory(devices []numbersJSON) *gap.Memory {
	m := gap.NewMemory()
	for _, d := range devices {
		_ = m.SetHighest(d.Device, d.Highest)
		for _, r := range d.Missing {
			_ = m.Replace(d.Device, r[0], gap.Missing{From: r[0], To: r[1], Batch: r[2], Jump: r[3] == 1})
		}
	}
	return m
}

// Write puts the checkpoint in a file, in the place of an older one at once.
func (c *Checkpoint) Write(path string) error {
	body, err := json.Marshal(c.json())
	if err != nil {
		return fmt.Errorf("fsck: write checkpoint: %w", err)
	}
	sum := sha256.Sum256(body)
	data, err := json.Marshal(checkpointFile{Checkpoint: body, SHA256: hex.EncodeToString(sum[:])})
	if err != nil {
		return fmt.Errorf("fsck: write checkpoint: %w", err)
	}
	return durable.WriteFile(path, append(data, '\n'), 0o600)
}

func (c *Checkpoint) json() checkpointJSON {
	j := checkpointJSON{
		Type: checkpointType, Version: checkpointVersion, Ledger: c.Ledger,
		Faults: c.Faults, Omitted: c.Omitted, Shared: c.Shared, Uncompared: c.uncompared,
	}
	names := make([]name.Name, 0, len(c.devices))
	for n, d := range c.devices {
		names = append(names, n)
		j.Devices = append(j.Devices, countsJSON{Device: n, Readings: d.readings, Repudiated: d.repudiated, Why: d.why})
	}
	slices.SortFunc(names, name.Compare)
	slices.SortFunc(j.Devices, func(a, b countsJSON) int { return name.Compare(a.Device, b.Device) })
	for _, s := range c.Streams {
		j.Streams = append(j.Streams, streamJSON{streamState: s, Numbers: numbers(s.gaps, names)})
	}
	if c.union != nil {
		j.Union = numbers(c.union, names)
	}
	for r := range c.twice {
		j.Twice = append(j.Twice, sequenceJSON{Device: r.device, Sequence: r.sequence})
	}
	return j
}

func numbers(m *gap.Memory, devices []name.Name) []numbersJSON {
	list := []numbersJSON{}
	for _, n := range devices {
		highest, _ := m.Highest(n) // memory has no errors
		if highest == 0 {
			continue
		}
		d := numbersJSON{Device: n, Highest: highest}
		for _, r := range m.Missing(n) {
			run := [4]uint64{r.From, r.To, r.Batch}
			if r.Jump {
				run[3] = 1
			}
			d.Missing = append(d.Missing, run)
		}
		list = append(list, d)
	}
	return list
}
