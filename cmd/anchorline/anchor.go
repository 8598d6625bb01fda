// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

type anchorCmd struct {
	List   anchorListCmd   `cmd:"" help:"List anchors, by stream or by time."`
	Show   anchorShowCmd   `cmd:"" help:"Show one anchor."`
	Head   anchorHeadCmd   `cmd:"" help:"Show the number and the hash of a stream's last anchor."`
	Verify anchorVerifyCmd `cmd:"" help:"Ask the ledger whether a statement's reading is in an anchored batch."`
}

type anchorListCmd struct {
	Stream nameArg `arg:"" optional:"" help:"Stream: Org1MSP/bridge-1, or bridge-1 of our own organisation; may be left out with --day or --since."`
	From   uint64  `help:"Number of the first (default: so that the list ends with the newest)." placeholder:"N"`
	Limit  int     `help:"Anchors at most." default:"20" placeholder:"N"`
	Day    day     `help:"Only batches that began on this day, UTC: 2026-01-31." placeholder:"DATE" xor:"time"`
	Since  instant `help:"Only batches that began at this time or later (RFC 3339)." placeholder:"TIME" xor:"time"`
	Until  instant `help:"Only batches that began before this time (default: now); with --since." placeholder:"TIME"`
	ledgerFlags
}

// Help is the long description.
func (anchorListCmd) Help() string {
	return "When a batch began is what its bridge's clock said at its first reading."
}

// Run lists anchors.
func (c *anchorListCmd) Run(ctx context.Context, s streams) error {
	since, until, err := c.span()
	if err != nil {
		return err
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.AnchorEntry, error) {
		stream, err := c.Stream.of(l)
		switch {
		case err != nil:
			return nil, err
		case !since.IsZero():
			return c.between(ctx, l, stream, since, until)
		default:
			return c.byNumber(ctx, l, stream)
		}
	}, showAnchors)
}

// byNumber asks for a run of a stream's anchors: the newest, unless the flags say where it begins.
func (c *anchorListCmd) byNumber(ctx context.Context, l *ledger.Client, stream name.Name) ([]record.AnchorEntry, error) {
	from := c.From
	if from == 0 {
		head, err := l.Head(ctx, stream)
		if err != nil {
			return nil, err
		}
		from = head.Number - min(head.Number, uint64(c.Limit)) + 1
	}
	return l.Anchors(ctx, stream, from, c.Limit)
}

// maxDays bounds how many days one list may ask for, a question each.
const maxDays = 366

// span is the time of which anchors are asked for; zero when they are asked for by number.
func (c *anchorListCmd) span() (since, until time.Time, err error) {
	since, until = c.Since.Time, c.Until.Time
	switch {
	case c.Limit < 1:
		return since, until, fmt.Errorf("--limit %d: want at least 1", c.Limit)
	case !c.Day.IsZero():
		return c.Day.Time, c.Day.AddDate(0, 0, 1), nil
	case since.IsZero() && !until.IsZero():
		return since, until, errors.New("--until: give --since too")
	case since.IsZero() && c.Stream == "":
		return since, until, errors.New("give a stream, or --day or --since for those of every stream")
	case since.IsZero():
		return since, until, nil
	case until.IsZero():
		until = time.Now()
	}
	if !since.Before(until) || until.Sub(since) > maxDays*24*time.Hour {
		return since, until, fmt.Errorf("--since %s: want a time before --until, %s, and at most %d days before it",
			since.Format(time.RFC3339), until.Format(time.RFC3339), maxDays)
	}
	return since, until, nil
}

// between asks day by day, since the ledger lists anchors so.
func (c *anchorListCmd) between(ctx context.Context, l *ledger.Client, stream name.Name, since, until time.Time) ([]record.AnchorEntry, error) {
	found := []record.AnchorEntry{}
	for at := since.UTC().Truncate(24 * time.Hour); at.Before(until) && len(found) < c.Limit; at = at.AddDate(0, 0, 1) {
		entries, err := l.AnchorsOfDay(ctx, at, stream)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			began := e.Anchor.BridgeTime.First
			if began >= since.UnixMilli() && began < until.UnixMilli() && e.Anchor.Number >= c.From && len(found) < c.Limit {
				found = append(found, e)
			}
		}
	}
	return found, nil
}

func showAnchors(out io.Writer, entries []record.AnchorEntry) error {
	const heading = "STREAM\tNUMBER\tREADINGS\tGAPS\tQUARANTINED\tBEGAN\tENDED\tROOT\tTRANSACTION"
	return table(out, "anchors", heading, entries, func(e record.AnchorEntry) []any {
		a := e.Anchor
		return []any{
			a.Stream, a.Number, a.Size, a.Gaps, a.Quarantined,
			stamp(a.BridgeTime.First), stamp(a.BridgeTime.Last), short(a.Root), short(e.TxID),
		}
	})
}

type anchorShowCmd struct {
	streamArgs
	Number uint64 `arg:"" help:"Number of the batch."`
}

// Run shows one anchor.
func (c *anchorShowCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.AnchorEntry, error) {
		stream, err := c.Stream.of(l)
		if err != nil {
			return record.AnchorEntry{}, err
		}
		return l.Anchor(ctx, stream, c.Number)
	}, showAnchor)
}

func showAnchor(out io.Writer, e record.AnchorEntry) error {
	a := e.Anchor
	return details(out,
		field{"stream", a.Stream}, field{"number", a.Number}, field{"readings", a.Size},
		field{"gaps", a.Gaps}, field{"quarantined", a.Quarantined},
		field{"bridge time", stamp(a.BridgeTime.First) + " to " + stamp(a.BridgeTime.Last)},
		field{"device time", stamp(a.DeviceTime.First) + " to " + stamp(a.DeviceTime.Last)},
		field{"ledger time", stamp(e.LedgerTime)},
		field{"root", a.Root}, field{"previous", a.Previous}, field{"hash", e.Hash},
		field{"transaction", e.TxID}, field{"creator", e.Creator})
}

type anchorHeadCmd struct{ streamArgs }

// Run shows a stream's head.
func (c *anchorHeadCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Head, error) {
		stream, err := c.Stream.of(l)
		if err != nil {
			return record.Head{}, err
		}
		return l.Head(ctx, stream)
	}, func(out io.Writer, h record.Head) error {
		verb := "stands at"
		if h.Number == 0 {
			verb = "has"
		}
		_, err := fmt.Fprintln(out, h.Stream, verb, headText(h))
		return err
	})
}

func headText(h record.Head) string {
	if h.Number == 0 {
		return "no anchor yet"
	}
	return fmt.Sprintf("batch %d, anchor %s, ledger time %s", h.Number, h.Hash, stamp(h.LedgerTime))
}

type anchorVerifyCmd struct {
	Statement string `arg:"" help:"A statement, as devices and archives keep them; - is standard input."`
	ledgerFlags
}

// Help is the long description.
func (anchorVerifyCmd) Help() string {
	return "The chaincode verifies: the exit status is 0 when the reading is in the anchored batch, a key of its device that " +
		"stood at that ledger time signed it, and the receipt is the stream's. It reads the statement's reading and receipt " +
		"only, and the answer is as good as the peer that is asked. To have organisations vouch for it, use: anchorline audit verify."
}

// Run asks the ledger; the exit status is 1 when it says no.
func (c *anchorVerifyCmd) Run(ctx context.Context, s streams) error {
	statement, err := s.readStatement(c.Statement)
	if err != nil {
		return err
	}
	claims := statement.Receipt.Claims
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (ledger.Inclusion, error) {
		return l.VerifyInclusion(ctx, claims.Stream, claims.Number, statement.Reading.Bytes(), statement.Receipt.Bytes())
	}, showInclusion, func(i ledger.Inclusion) bool {
		return i.Included && i.Signed && i.Receipt != nil && i.Receipt.Verified
	})
}

func showInclusion(out io.Writer, i ledger.Inclusion) error {
	signed := "yes, with key " + i.Key
	if !i.Signed {
		signed = "no: " + i.SignatureReason
	}
	included := "yes"
	if !i.Included {
		included = "no: " + i.Reason
	}
	receipt := ""
	if r := i.Receipt; r != nil {
		receipt = "the stream's"
		if !r.Verified {
			receipt = "not the stream's: " + r.Reason
		}
	}
	return details(out,
		field{"included", included}, field{"signed", signed}, field{"standing", standingText(i.Standing)}, field{"receipt", receipt},
		field{"reading", fmt.Sprintf("%d of device %s, device time %s", i.Sequence, i.Device, stamp(i.DeviceTime))},
		field{"batch", fmt.Sprintf("%d of stream %s", i.Number, i.Stream)},
		field{"anchor", i.Hash}, field{"transaction", i.TxID})
}

// standingText says what a key was worth, "" where nothing is known of it.
func standingText(v *standing.Verdict) string {
	switch {
	case v == nil:
		return ""
	case v.Repudiated != nil:
		return v.Detail + "; repudiated " + repudiationText(v.Repudiated)
	default:
		return v.Detail
	}
}
