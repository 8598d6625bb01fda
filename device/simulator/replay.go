// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/internal/durable"
)

// A Series is what a CSV file of timestamp,value holds.
type Series struct {
	Rows []Row
	hash string // of the file
}

// A Row is one measurement of a series.
type Row struct {
	Time  time.Time
	Value float64
}

// timeLayouts are the ways in which a timestamp may be written; without a zone it is UTC.
var timeLayouts = []string{"2006-01-02 15:04:05", time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04"}

// ReadSeries reads a CSV file of timestamp,value with an optional header line.
func ReadSeries(path string) (*Series, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("simulator: replay: %w", err)
	}
	sum := sha256.Sum256(data)
	s := &Series{hash: hex.EncodeToString(sum[:])}
	r := csv.NewReader(strings.NewReader(string(data)))
	r.FieldsPerRecord = 2
	for first := true; ; first = false {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // which names the line
			return nil, fmt.Errorf("simulator: replay %s: %w", path, err)
		}
		row, err := parseRow(rec)
		if err != nil && first {
			continue // a header
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("simulator: replay %s, line %d: %w", path, line, err)
		}
		s.Rows = append(s.Rows, row)
	}
	if len(s.Rows) == 0 {
		return nil, fmt.Errorf("simulator: replay %s: no rows of timestamp,value", path)
	}
	return s, nil
}

func parseRow(rec []string) (Row, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(rec[1]), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return Row{}, fmt.Errorf("value %q is not a number", rec[1])
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, strings.TrimSpace(rec[0])); err == nil {
			return Row{Time: t, Value: v}, nil
		}
	}
	return Row{}, fmt.Errorf("timestamp %q: want for example 2014-01-31 23:59:00", rec[0])
}

// progress remembers which series the fleet replays and where each device began, so that a replay
// that was interrupted goes on with the first row that no device has signed.
type progress struct {
	Series  string            `json:"series"` // hash of the file
	Devices int               `json:"devices"`
	Start   map[string]uint64 `json:"start"` // readings signed before the replay, by device
	Done    bool              `json:"done"`
}

// Replay publishes every row once, row i by device i modulo the number of devices, and returns
// when all are acknowledged. It goes on where an interrupted replay of the same file stopped.
func (f *Fleet) Replay(ctx context.Context, s *Series) error {
	path := filepath.Join(f.cfg.Dir, "replay.json")
	p, err := f.progress(path, s)
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for i, m := range f.members {
		t, err := f.outbox.Tally(m.name)
		if err != nil {
			return err
		}
		row := i + int(t.Signed-p.Start[m.name.ID])*len(f.members)
		g.Go(func() error {
			return f.publish(gctx, m, func(n int) ([]device.Payload, error) {
				var out []device.Payload
				for ; n > 0 && row < len(s.Rows); n, row = n-1, row+len(f.members) {
					p, err := device.SenML(m.name.ID, device.Measurement{
						Name: "value", Value: s.Rows[row].Value, Time: s.Rows[row].Time,
					})
					if err != nil {
						return nil, err
					}
					out = append(out, p)
				}
				return out, nil
			})
		})
	}
	if err := g.Wait(); err != nil || ctx.Err() != nil {
		return err
	}
	p.Done = true
	return save(path, p)
}

func (f *Fleet) progress(path string, s *Series) (*progress, error) {
	p := &progress{}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, p)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("simulator: replay progress %s: %w", path, err)
	}
	if err == nil && !p.Done && p.Series == s.hash && p.Devices == len(f.members) {
		return p, nil
	}
	p = &progress{Series: s.hash, Devices: len(f.members), Start: map[string]uint64{}}
	for _, m := range f.members {
		t, err := f.outbox.Tally(m.name)
		if err != nil {
			return nil, err
		}
		p.Start[m.name.ID] = t.Signed
	}
	return p, save(path, p)
}

func save(path string, p *progress) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("simulator: replay progress: %w", err)
	}
	return durable.WriteFile(path, append(data, '\n'), 0o600)
}
