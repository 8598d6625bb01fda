// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/receipt"
)

type auditCmd struct {
	Verify    verifyCmd    `cmd:"" help:"Verify a statement, offline, and say what it proves."`
	Pins      pinsCmd      `cmd:"" help:"Write the ledger's devices and streams to a file, to verify with later."`
	Statement statementCmd `cmd:"" help:"Make a reading's statement from a bridge's archive."`
	Archive   archiveCmd   `cmd:"" help:"Compare a bridge's archive with the ledger."`
}

type verifyCmd struct {
	File   string `arg:"" help:"The statement."`
	Pins   string `help:"Pinned keys, made by 'audit pins'. Without it they are asked of --ledger." placeholder:"FILE"`
	Ledger string `help:"Connection profile: also compare with the ledger." placeholder:"FILE"`
	JSON   bool   `help:"Print the report as JSON." name:"json"`
}

// Run verifies a statement; the exit status is 1 when it is not proven.
func (c *verifyCmd) Run(ctx context.Context, io streams) error {
	if c.Pins == "" && c.Ledger == "" {
		return errors.New("give --pins, a file of keys to trust, or --ledger, a network to ask for them")
	}
	data, err := io.readLimited(c.File, receipt.MaxStatementSize)
	if err != nil {
		return err
	}
	report, err := c.verify(ctx, data)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(io.out, report); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(io.out, "keys  %s\n", c.keysFrom())
		printReport(io, c.File, report)
	}
	if !report.OK {
		return errSilent
	}
	return nil
}

// keysFrom says what the verification trusts.
func (c *verifyCmd) keysFrom() string {
	if c.Pins != "" {
		return "pinned in " + c.Pins
	}
	return "as the peer of " + c.Ledger + " has them now; pin them to verify offline (anchorline audit pins)"
}

func (c *verifyCmd) verify(ctx context.Context, data []byte) (*audit.Report, error) {
	var l *ledger.Client
	if c.Ledger != "" {
		profile, err := ledger.ReadProfile(c.Ledger)
		if err != nil {
			return nil, err
		}
		if l, err = ledger.Connect(profile); err != nil {
			return nil, err
		}
		defer l.Close()
	}
	pins, err := c.pins(ctx, l, data)
	if err != nil {
		return nil, err
	}
	report := audit.Verify(data, pins)
	if l == nil {
		return report, nil
	}
	_, err = online.Compare(ctx, l, report)
	return report, err
}

// pins reads the pinned keys, or asks the ledger for those that the statement names.
func (c *verifyCmd) pins(ctx context.Context, l *ledger.Client, data []byte) (audit.Pins, error) {
	if c.Pins != "" {
		text, err := os.ReadFile(c.Pins)
		if err != nil {
			return audit.Pins{}, err
		}
		return audit.ParsePins(text)
	}
	return online.Pins(ctx, l, l.Profile().Ledger(), data)
}

func printReport(io streams, file string, r *audit.Report) {
	for _, s := range r.Steps {
		mark := "ok  "
		if !s.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(io.out, "%s  %-9s  %s\n", mark, s.Name, s.Detail)
	}
	verdict := "PROVEN"
	if !r.OK {
		verdict = "NOT PROVEN"
	}
	fmt.Fprintf(io.out, "\n%s: %s\n", verdict, file)
	for _, p := range r.Proven {
		fmt.Fprintln(io.out, "  +", p)
	}
	fmt.Fprintln(io.out, "Not proven:")
	for _, p := range r.NotProven {
		fmt.Fprintln(io.out, "  -", p)
	}
	if r.OK && strings.HasSuffix(mediaType(r.Reading.ContentType()), "json") {
		fmt.Fprintf(io.out, "The payload:\n  %s\n", printableLines(string(r.Reading.Payload())))
	}
}

func mediaType(ct reading.ContentType) string {
	if ct == reading.SenMLJSON {
		return "application/senml+json"
	}
	return string(ct)
}

type pinsCmd struct {
	profileFlag
	Stream []string `help:"Streams to pin (default: all)." placeholder:"ID"`
	Out    string   `help:"File to write." default:"pins.json" placeholder:"FILE"`
}

// Run writes the ledger's present devices and streams to a file.
func (c *pinsCmd) Run(ctx context.Context, io streams) error {
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	pins := audit.Pins{Ledger: l.Profile().Ledger()}
	if pins.Devices, err = l.AllDevices(ctx, ledger.DeviceFilter{}); err != nil {
		return err
	}
	if pins.Streams, err = c.streams(ctx, l); err != nil {
		return err
	}
	text, err := json.MarshalIndent(pins, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(c.Out, append(text, '\n'), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.out, "%s: %s and %s of %s\n", c.Out, count(len(pins.Devices), "device"), count(len(pins.Streams), "stream"), pins.Ledger)
	return err
}

func (c *pinsCmd) streams(ctx context.Context, l *ledger.Client) ([]record.Stream, error) {
	if len(c.Stream) == 0 {
		return l.Streams(ctx)
	}
	var streams []record.Stream
	for _, id := range c.Stream {
		s, err := l.Stream(ctx, id)
		if err != nil {
			return nil, err
		}
		streams = append(streams, s)
	}
	return streams, nil
}

type statementCmd struct {
	Device   string `arg:"" help:"Device id."`
	Sequence uint64 `arg:"" help:"Sequence number of the reading."`
	Archive  string `help:"The bridge's archive." default:"anchorline-data/bridge/archive" type:"existingdir" placeholder:"DIR"`
	Out      string `help:"File to write." placeholder:"FILE"`
}

// Run finds a reading in an archive and writes its statement.
func (c *statementCmd) Run(io streams) error {
	a, err := archive.Open(c.Archive)
	if err != nil {
		return err
	}
	number, index, err := a.Find(func(data []byte) bool {
		r, err := reading.Parse(data)
		return err == nil && r.Claims().Device == c.Device && r.Claims().Sequence == c.Sequence
	})
	if err != nil {
		return err
	}
	data, err := a.Statement(number, index)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = fmt.Sprintf("%s-%d.cose", c.Device, c.Sequence)
	}
	if err := durable.WriteFile(out, data, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.out, "%s: reading %d of %s, from batch %d\n", out, c.Sequence, c.Device, number)
	return err
}

type archiveCmd struct {
	profileFlag
	Stream  string `help:"The bridge's stream." default:"bridge-1"`
	Archive string `help:"The bridge's archive." default:"anchorline-data/bridge/archive" type:"existingdir" placeholder:"DIR"`
	JSON    bool   `help:"Print the report as JSON." name:"json"`
}

// Run re-derives every root and compares it with the ledger's.
func (c *archiveCmd) Run(ctx context.Context, io streams) error {
	a, err := archive.Open(c.Archive)
	if err != nil {
		return err
	}
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	report, err := fsck.Check(ctx, a, l, c.Stream)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(io.out, report); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(io.out, "%d batches, %d readings of %s compared with the ledger, %d pending\n",
			report.Batches, report.Readings, count(len(report.Devices), "device"), report.Pending)
		for _, f := range report.Faults {
			fmt.Fprintf(io.out, "FAIL  batch %d  %s\n", f.Batch, f.What)
		}
	}
	if !report.OK() {
		return errSilent
	}
	return nil
}
