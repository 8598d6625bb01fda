// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/anchorline/anchorline/audit/export"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/extract"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// A bound is an end of a range: a sequence number, or a time of the device's clock.
type bound struct {
	number uint64
	time   time.Time
}

// UnmarshalText reads a number from 1, or RFC 3339.
func (b *bound) UnmarshalText(text []byte) error {
	if n, err := strconv.ParseUint(string(text), 10, 53); err == nil && n > 0 {
		b.number = n
		return nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a sequence number from 1 nor a time such as 2026-01-31T12:00:00Z", text)
	}
	b.time = t
	return nil
}

// rangeFlags say which readings of which archives.
type rangeFlags struct {
	From    bound    `help:"First reading: a sequence number, or a time of the device's clock (RFC 3339)." placeholder:"N|TIME"`
	To      bound    `help:"Last reading, likewise." placeholder:"N|TIME"`
	Archive []string `help:"Archives of the bridges that may hold readings of the device." default:"anchorline-data/bridge/archive" type:"path" placeholder:"DIR"`
}

// Validate refuses a range of a number and a time.
func (f rangeFlags) Validate() error {
	byNumber, byTime := f.From.number != 0 || f.To.number != 0, !f.From.time.IsZero() || !f.To.time.IsZero()
	if byNumber && byTime {
		return errors.New("give both --from and --to as sequence numbers, or both as times")
	}
	if f.From.number > 0 && f.To.number > 0 && f.From.number > f.To.number || !f.To.time.IsZero() && f.From.time.After(f.To.time) {
		return errors.New("--from is after --to")
	}
	return nil
}

func (f rangeFlags) bounds() extract.Range {
	return extract.Range{From: f.From.number, To: f.To.number, Since: millis(f.From.time), Till: millis(f.To.time)}
}

// selection takes the readings out of the archives, with progress.
func (f rangeFlags) selection(ctx context.Context, s streams, device name.Name) (extract.Selection, error) {
	var archives []*archive.Archive
	for _, dir := range f.Archive {
		if there, err := os.Stat(dir); err != nil || !there.IsDir() {
			return extract.Selection{}, fmt.Errorf("there is no archive %s; name the bridge's with --archive", dir)
		}
		a, err := archive.Open(dir)
		if err != nil {
			return extract.Selection{}, err
		}
		archives = append(archives, a)
	}
	var bar *progress
	found, err := extract.Device(ctx, archives, device, f.bounds(), func(done, total int) {
		if bar == nil {
			bar = newProgress(s.err, total, "batches searched")
		}
		bar.show(done)
	})
	if bar != nil {
		bar.end()
	}
	return found, err
}

type exportCmd struct {
	Device name.Name `arg:"" help:"The device, as in Org1MSP/pump-1."`
	rangeFlags
	ledgerFlag
	Trust string `help:"Whom --ledger is to ask, made by 'audit trust' (default: every organisation of the channel)." placeholder:"FILE"`
	Out   string `help:"File to write." placeholder:"FILE"`
}

// Help gives an example.
func (exportCmd) Help() string {
	return "Example:\n  anchorline audit export Org1MSP/pump-1 --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --ledger profile.json --out january.readings\n" +
		"The file proves itself: anchorline audit completeness --export january.readings --trust trust.json"
}

// Run writes the file.
func (c *exportCmd) Run(ctx context.Context, s streams) error {
	found, err := c.selection(ctx, s, c.Device)
	if err != nil {
		return err
	}
	if err := c.refresh(ctx, found.Batches); err != nil {
		return err
	}
	var file bytes.Buffer
	if err := writeExport(&file, c.Device, found); err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = fmt.Sprintf("%s-%d-%d.readings", c.Device.ID, found.From, found.To)
	}
	if err := durable.WriteFile(out, file.Bytes(), 0o644); err != nil {
		return err
	}
	readings := 0
	for _, b := range found.Batches {
		readings += len(b.Readings)
	}
	_, err = fmt.Fprintf(s.out, "%s: %d readings of %s, numbers %d to %d and those just outside, from %d batches, %d bytes\n",
		out, readings, c.Device, found.From, found.To, len(found.Batches), file.Len())
	return err
}

// refresh adds attestations of now, if a ledger is to be asked: one for each batch, and with it the
// device's record.
func (c *exportCmd) refresh(ctx context.Context, batches []export.Batch) error {
	l, err := c.connect()
	if err != nil || l == nil {
		return err
	}
	defer l.Close()
	t, _, err := verifierFlags{Trust: c.Trust}.trust(ctx, l)
	if err != nil {
		return err
	}
	return freshen(ctx, l, t, batches)
}

// freshen adds to each batch what the ledger's organisations say of it and of its device now.
func freshen(ctx context.Context, l *ledger.Client, t trust.Trust, batches []export.Batch) error {
	for i := range batches {
		b := &batches[i]
		if len(b.Readings) == 0 {
			continue
		}
		first := b.Readings[0]
		data, err := receipt.NewStatement(first.Bytes, b.Signed.Receipt(b.Size, first.Index, first.Path), b.Anchor, b.Evidence)
		if err != nil {
			return err
		}
		s, err := receipt.ParseStatement(data)
		if err != nil {
			return err
		}
		fresh, err := online.Evidence(ctx, l, t, s)
		if err != nil {
			return err
		}
		b.Evidence.Blocks = append(b.Evidence.Blocks, fresh.Blocks...)
		b.Evidence.Attestations = append(b.Evidence.Attestations, fresh.Attestations...)
	}
	return nil
}

func writeExport(out io.Writer, device name.Name, found extract.Selection) error {
	w, err := export.NewWriter(out, export.Header{Device: device, From: found.From, To: found.To})
	if err != nil {
		return err
	}
	for _, b := range found.Batches {
		if err := w.Batch(b); err != nil {
			return err
		}
	}
	return w.Close()
}

type statementCmd struct {
	Device   name.Name `arg:"" help:"The device, as in Org1MSP/pump-1."`
	Sequence uint64    `arg:"" help:"Sequence number of the reading."`
	Archive  string    `help:"The bridge's archive." default:"anchorline-data/bridge/archive" type:"existingdir" placeholder:"DIR"`
	ledgerFlag
	Out string `help:"File to write." placeholder:"FILE"`
}

// Help gives an example.
func (statementCmd) Help() string {
	return "Example:\n  anchorline audit statement Org1MSP/pump-1 10 --ledger profile.json\n" +
		"With --ledger the statement carries what the organisations attest now; without, what the archive holds."
}

// Run finds a reading in an archive and writes its statement.
func (c *statementCmd) Run(ctx context.Context, s streams) error {
	one := rangeFlags{From: bound{number: c.Sequence}, To: bound{number: c.Sequence}, Archive: []string{c.Archive}}
	found, err := one.selection(ctx, s, c.Device)
	if err != nil {
		return err
	}
	e := exportCmd{Device: c.Device, ledgerFlag: c.ledgerFlag}
	if err := e.refresh(ctx, found.Batches); err != nil {
		return err
	}
	data, batch, err := pick(found, c.Sequence)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = fmt.Sprintf("%s-%d.cose", c.Device.ID, c.Sequence)
	}
	if err := os.WriteFile(out, data, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: reading %d of %s, from batch %d, %d bytes\n", out, c.Sequence, c.Device, batch, len(data))
	return err
}

// pick makes the statement of one reading of a selection.
func pick(found extract.Selection, sequence uint64) (statement []byte, batch uint64, err error) {
	for _, b := range found.Batches {
		for _, r := range b.Readings {
			data, err := receipt.NewStatement(r.Bytes, b.Signed.Receipt(b.Size, r.Index, r.Path), b.Anchor, b.Evidence)
			if err != nil {
				return nil, 0, err
			}
			parsed, err := receipt.ParseStatement(data)
			if err != nil {
				return nil, 0, err
			}
			if parsed.Reading.Claims().Sequence == sequence {
				return data, b.Signed.Claims().Number, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("%w: reading %d", extract.ErrNone, sequence)
}
