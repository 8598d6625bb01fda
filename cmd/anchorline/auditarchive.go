// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/bridge/fsck/report"
	"github.com/anchorline/anchorline/ledger"
)

type archiveCmd struct {
	profileFlag
	Stream  []nameArg `help:"The bridge's stream; several together, each with its archive, in the same order." default:"bridge-1" sep:"none"`
	Archive []string  `help:"The bridge's archive." default:"anchorline-data/bridge/archive" placeholder:"DIR" sep:"none"`
	Resume  string    `help:"Keep the state in this file and go on from it: batches that were verified are not verified again." placeholder:"FILE"`
	Report  string    `help:"Write the report to FILE.json, sign it to FILE.json.cose, and show it in FILE.html." placeholder:"FILE.json"`
	JSON    bool      `help:"Print the findings as JSON." name:"json"`
}

// Help gives examples.
func (archiveCmd) Help() string {
	return "Examples:\n" +
		"  anchorline audit archive --stream bridge-1 --archive /var/lib/anchorline/archive --resume bridge-1.checkpoint --report january.json\n" +
		"  anchorline audit archive --stream Org1MSP/line-1 --archive one --stream Org1MSP/line-2 --archive two\n" +
		"Exit status: 0 all as the ledger has it, 3 something is not, 4 cannot tell."
}

// Validate wants an archive for each stream.
func (c *archiveCmd) Validate() error {
	if len(c.Stream) != len(c.Archive) {
		return fmt.Errorf("%d streams and %d archives: give --archive once for each --stream, in the same order", len(c.Stream), len(c.Archive))
	}
	if c.Report == "" {
		return nil
	}
	_, err := reportFiles(c.Report)
	return err
}

// Run recomputes everything that the anchors say.
func (c *archiveCmd) Run(ctx context.Context, s streams) error {
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	sources, err := c.sources(l)
	if err != nil {
		return err
	}
	began := time.Now()
	found, err := c.check(ctx, s, l, sources)
	if err != nil {
		return err
	}
	if c.Report != "" {
		if err := writeReport(s, c.Report, l.Profile(), report.Document{Began: began, Ended: time.Now(), Findings: found}); err != nil {
			return err
		}
	}
	if c.JSON {
		err = printJSON(s.out, found)
	} else {
		err = printFindings(s.out, found)
	}
	return errors.Join(err, archiveVerdict(found))
}

func (c *archiveCmd) sources(l *ledger.Client) ([]fsck.Source, error) {
	var sources []fsck.Source
	for i, n := range c.Stream {
		stream, err := n.of(l)
		if err != nil {
			return nil, err
		}
		a, err := openArchive(c.Archive[i])
		if err != nil {
			return nil, err
		}
		sources = append(sources, fsck.Source{Stream: stream, Archive: a})
	}
	return sources, nil
}

// openArchive opens an archive that is there.
func openArchive(dir string) (*archive.Archive, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no archive in %s: name the folder with --archive", dir)
	}
	return archive.Open(dir)
}

// check checks with progress, from the checkpoint if there is one.
func (c *archiveCmd) check(ctx context.Context, s streams, l *ledger.Client, sources []fsck.Source) (fsck.Report, error) {
	bar := newRate(s.err)
	o := fsck.Options{Progress: bar.show}
	var verified uint64
	if c.Resume != "" {
		var err error
		if o.Checkpoint, err = fsck.ReadCheckpoint(c.Resume); err != nil {
			return fsck.Report{}, err
		}
		o.Save = func(state *fsck.Checkpoint) error {
			verified = state.Batches()
			return state.Write(c.Resume)
		}
	}
	found, err := fsck.CheckAll(ctx, l, sources, o)
	bar.end()
	switch {
	case err == nil || ctx.Err() == nil || errors.Is(err, fsck.ErrCheckpoint):
		return found, err
	case c.Resume == "":
		return found, errors.New("interrupted; with --resume FILE a later run goes on where the one before was")
	default:
		return found, fmt.Errorf("interrupted; %d batches are verified and noted in %s: the same command goes on from there", verified, c.Resume)
	}
}

// archiveVerdict is the exit status.
func archiveVerdict(r fsck.Report) error {
	switch report.VerdictOf(r) {
	case report.Refuted:
		return verdict(statusRefuted)
	case report.CannotTell:
		return verdict(statusCannotTell)
	default:
		return nil
	}
}

// printFindings shows to a person what was found.
func printFindings(out io.Writer, r fsck.Report) error {
	fmt.Fprintf(out, "%d batches, %d readings of %s compared with the ledger, %d pending\n",
		r.Batches, r.Readings, count(len(r.Devices), "device"), r.Pending)
	for _, s := range r.Streams {
		if s.Resumed > 0 {
			fmt.Fprintf(out, "stream %s: the first %d batches were verified in an earlier run\n", s.Stream, s.Resumed)
		}
		if s.Unreceipted > 0 {
			fmt.Fprintf(out, "stream %s: the receipt of batch %d, the newest, is not in the archive yet\n", s.Stream, s.Unreceipted)
		}
		if s.Repudiated > 0 {
			fmt.Fprintf(out, "disowned: %s of stream %s: %s\n", count(int(s.Repudiated), "receipt"), s.Stream, printable(s.Why))
		}
	}
	for _, d := range r.Devices {
		if d.Missing > 0 {
			fmt.Fprintf(out, "missing: %s of %s: %s\n", count(int(d.Missing), "number"), d.Device, numbers(d.Listed, d.Missing))
		}
		if d.Repudiated > 0 {
			fmt.Fprintf(out, "disowned: %s of %s: %s\n", count(int(d.Repudiated), "reading"), d.Device, printable(d.Why))
		}
	}
	for _, f := range r.Faults {
		fmt.Fprintf(out, "FAIL  %s, %s  %s%s\n", f.Stream, at(f.Batches), printable(f.What), concerned(f))
	}
	if r.Omitted > 0 {
		fmt.Fprintf(out, "and %d further faults\n", r.Omitted)
	}
	for _, u := range r.Undecided {
		fmt.Fprintln(out, "cannot tell:", printable(u))
	}
	return nil
}

// shownRuns is how many runs of numbers are shown to a person.
const shownRuns = 10

// numbers writes runs of numbers of which there are total.
func numbers(runs []fsck.Range, total uint64) string {
	text := ""
	for _, r := range runs[:min(len(runs), shownRuns)] {
		total -= r.To - r.From + 1
		if text != "" {
			text += ", "
		}
		text += fmt.Sprint(r.From)
		if r.To > r.From {
			text += fmt.Sprintf("-%d", r.To)
		}
	}
	if total > 0 {
		text += fmt.Sprintf(" and %d more", total)
	}
	return text
}

// at names batches.
func at(r fsck.Range) string {
	if r.From == r.To {
		return fmt.Sprintf("batch %d", r.From)
	}
	return fmt.Sprintf("batches %d-%d", r.From, r.To)
}

// concerned names the readings that a fault is about.
func concerned(f fsck.Fault) string {
	if f.Device.IsZero() {
		return ""
	}
	return fmt.Sprintf(": %s of %s, numbers %s", count(int(f.Readings), "reading"), f.Device, numbers(f.Numbers, f.Readings))
}
