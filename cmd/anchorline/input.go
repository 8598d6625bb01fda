// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
)

// An instant is a time in a flag or an argument.
type instant struct{ time.Time }

// UnmarshalText reads RFC 3339.
func (i *instant) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time: want for example 2026-01-31T12:00:00Z (RFC 3339)", text)
	}
	i.Time = t
	return nil
}

// millis is a time on the ledger; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// A span is a length of time in a flag, in milliseconds.
type span int64

// UnmarshalText reads a duration as Go writes it, at least a millisecond.
func (m *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < time.Millisecond || d%time.Millisecond != 0 {
		return fmt.Errorf("%q is not a length of time in whole milliseconds: want for example 10m", text)
	}
	*m = span(d.Milliseconds())
	return nil
}

// A day is a day, UTC, in a flag.
type day struct{ time.Time }

// UnmarshalText reads a date.
func (d *day) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a day: want for example 2026-01-31", text)
	}
	d.Time = t
	return nil
}

// An attribute is a NAME=VALUE in a flag.
type attribute struct{ record.Attribute }

// UnmarshalText parts name and value.
func (a *attribute) UnmarshalText(text []byte) error {
	name, value, ok := strings.Cut(string(text), "=")
	if !ok || name == "" {
		return fmt.Errorf("%q: want NAME=VALUE", text)
	}
	a.Name, a.Value = name, value
	return nil
}

// A digest is a SHA-256 in a flag.
type digest string

// UnmarshalText refuses what is none.
func (d *digest) UnmarshalText(text []byte) error {
	*d = digest(text)
	if record.CheckHash("digest", string(text)) != nil {
		return fmt.Errorf("%.80q is not a SHA-256: want 64 lower-case hexadecimal digits", text)
	}
	return nil
}

// A reason is why something is done, in a flag.
type reason string

// UnmarshalText refuses to be told nothing.
func (r *reason) UnmarshalText(text []byte) error {
	*r = reason(strings.TrimSpace(string(text)))
	if *r == "" || len(*r) > record.MaxText {
		return fmt.Errorf("want 1 to %d bytes that say why", record.MaxText)
	}
	return nil
}

// readLimited reads a file of at most limit bytes; "-" is standard input.
func (s streams) readLimited(path string, limit int64) ([]byte, error) {
	if path == "-" {
		return limited(s.in, "standard input", limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f, path, limit)
}

func limited(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes, the limit", name, limit)
	}
	return data, nil
}
