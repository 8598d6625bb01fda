// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/bridge/fsck/gather"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/receipt"
)

type evidenceCmd struct {
	File string `arg:"" optional:"" help:"A statement, which is written again with evidence of now; without it, an archive is gone over." type:"existingfile"`
	profileFlag
	Trust   string  `help:"Who is to attest, made by 'audit trust' (default: every organisation of the channel)." placeholder:"FILE"`
	Stream  nameArg `help:"The archive's stream." default:"bridge-1"`
	Archive string  `help:"The bridge's archive." default:"anchorline-data/bridge/archive" placeholder:"DIR"`
	Out     string  `help:"File to write the statement to." placeholder:"FILE"`
}

// Help gives examples.
func (evidenceCmd) Help() string {
	return "Examples:\n" +
		"  anchorline audit evidence --stream bridge-1 --archive /var/lib/anchorline/archive --profile profile.json\n" +
		"  anchorline audit evidence pump-1-10.cose --profile profile.json --out pump-1-10.attested.cose\n" +
		"Batches that have evidence are left as they are, so it goes on where it was interrupted."
}

// Validate wants a place for a statement.
func (c *evidenceCmd) Validate() error {
	if (c.File == "") != (c.Out == "") {
		return errors.New("name a statement and --out, where it is written with its evidence; for an archive, neither")
	}
	return nil
}

// Run collects evidence.
func (c *evidenceCmd) Run(ctx context.Context, s streams) error {
	l, err := c.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	if c.File != "" {
		return c.statement(ctx, s, l)
	}
	return c.archive(ctx, s, l)
}

// statement writes a statement again with what the ledger's organisations say now.
func (c *evidenceCmd) statement(ctx context.Context, s streams, l *ledger.Client) error {
	data, err := s.readLimited(c.File, receipt.MaxStatementSize)
	if err != nil {
		return err
	}
	old, err := receipt.ParseStatement(data)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	t, _, err := verifierFlags{Trust: c.Trust}.trust(ctx, l)
	if err != nil {
		return err
	}
	fresh, err := online.Evidence(ctx, l, t, old)
	if errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("the ledger does not know batch %d of stream %s: %w", old.Receipt.Claims.Number, old.Receipt.Claims.Stream, err)
	}
	if err != nil {
		return err
	}
	// Attestations of now say more than older ones, and blocks never change.
	e := receipt.Evidence{Envelope: old.Evidence.Envelope, Blocks: old.Evidence.Blocks, Attestations: fresh.Attestations}
	for _, b := range fresh.Blocks {
		if !slices.ContainsFunc(e.Blocks, func(have []byte) bool { return slices.Equal(have, b) }) {
			e.Blocks = append(e.Blocks, b)
		}
	}
	out, err := receipt.NewStatement(old.Reading.Bytes(), old.Receipt.Bytes(), old.Anchor, e)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(c.Out, out, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: %s and %s, %d bytes\n", c.Out, count(len(e.Attestations), "attestation"), count(len(e.Blocks), "block"), len(out))
	return err
}

// archive collects what the batches of an archive lack.
func (c *evidenceCmd) archive(ctx context.Context, s streams, l *ledger.Client) error {
	files, err := openArchive(c.Archive)
	if err != nil {
		return err
	}
	stream, err := c.Stream.of(l)
	if err != nil {
		return err
	}
	t, _, err := verifierFlags{Trust: c.Trust}.trust(ctx, l)
	if err != nil {
		return err
	}
	var organisations []string
	for _, o := range t.Organisations {
		organisations = append(organisations, o.MSPID)
	}
	var bar *progress
	done, err := gather.Evidence(ctx, files, l, stream, organisations, func(done, total int) {
		if bar == nil {
			bar = newProgress(s.err, total, "batches")
		}
		bar.show(done)
	})
	if bar != nil {
		bar.end()
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted after %s; the same command goes on from there", count(int(done.Batches), "batch looked at"))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: of %d batches, %d were given what ordered them, %d what organisations attest; %d have no block any more\n",
		c.Archive, done.Batches, done.Ordered, done.Attested, done.Lost)
	return err
}
