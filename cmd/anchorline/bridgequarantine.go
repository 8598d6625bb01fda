// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/anchorline/anchorline/bridge"
	"github.com/anchorline/anchorline/bridge/ops"
	"github.com/anchorline/anchorline/bridge/quarantine"
)

// quarantineFile is where a bridge keeps what it refused, in its data folder.
const quarantineFile = "quarantine.db"

type bridgeQuarantineCmd struct {
	List  quarantineListCmd  `cmd:"" default:"withargs" help:"List messages, newest first (the default)."`
	Show  quarantineShowCmd  `cmd:"" help:"Show one message with its payload."`
	Retry quarantineRetryCmd `cmd:"" help:"Have messages judged again by the running bridge; what is good by now is accepted."`
	Purge quarantinePurgeCmd `cmd:"" help:"Remove messages."`
}

// Help is the long description.
func (bridgeQuarantineCmd) Help() string {
	return "One copy is kept of each content, with how often it came. While the bridge runs it is asked over the socket in its data folder; else its file is read."
}

// shelf is the quarantine of a running bridge, or the file of a stopped one.
type shelf interface {
	List(f quarantine.Filter) ([]quarantine.Message, error)
	Get(id uint64) (quarantine.Message, error)
	Remove(id uint64) error
	Purge(f quarantine.Filter) (int, error)
	Close() error
}

// openShelf opens the quarantine of the bridge in a data folder.
func openShelf(ctx context.Context, dir string) (shelf, error) {
	running, err := ops.Control(ctx, dir)
	if err == nil {
		return running, nil
	}
	path := filepath.Join(dir, quarantineFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("no bridge's data is in %s: %w", dir, err)
	}
	store, err2 := quarantine.Open(path)
	if errors.Is(err2, quarantine.ErrInUse) {
		return nil, fmt.Errorf("%w, and its control socket cannot be reached: %w", err2, err)
	}
	if err2 != nil {
		return nil, err2
	}
	return store, nil
}

// bridgeData names the folder of a bridge, whose stream does not matter.
type bridgeData struct {
	Data string `help:"The bridge's data folder." default:"anchorline-bridge" placeholder:"DIR"`
}

// quarantineFilter names messages.
type quarantineFilter struct {
	Reason   string `help:"Only messages refused for this reason." placeholder:"REASON"`
	Topic    string `help:"Only messages of this topic." placeholder:"TOPIC"`
	Accepted bool   `help:"Also readings that were accepted first, and could not be anchored."`
}

func (f quarantineFilter) filter(limit int) quarantine.Filter {
	return quarantine.Filter{Reason: f.Reason, Topic: f.Topic, Accepted: f.Accepted, Limit: limit}
}

type quarantineListCmd struct {
	bridgeData
	quarantineFilter
	Limit int  `help:"Messages to list." default:"100"`
	JSON  bool `help:"Print the messages as JSON." name:"json"`
}

// Run lists what was refused, and why.
func (c *quarantineListCmd) Run(ctx context.Context, s streams) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit %d: want at least 1", c.Limit)
	}
	shelf, err := openShelf(ctx, c.Data)
	if err != nil {
		return err
	}
	messages, err := shelf.List(c.filter(c.Limit))
	if err = errors.Join(err, shelf.Close()); err != nil {
		return err
	}
	return output(s, c.JSON, messages, showQuarantine)
}

func showQuarantine(out io.Writer, messages []quarantine.Message) error {
	const heading = "ID\tLAST RECEIVED\tCOUNT\tTOPIC\tBYTES\tREASON\tDETAIL"
	return table(out, "messages in quarantine", heading, messages, func(m quarantine.Message) []any {
		return []any{m.ID, stamp(m.Last), m.Count, m.Topic, m.Size, m.Reason, m.Detail}
	})
}

type quarantineShowCmd struct {
	bridgeData
	ID uint64 `arg:"" help:"Number of the message, as listed."`
}

// Run prints one message as JSON.
func (c *quarantineShowCmd) Run(ctx context.Context, s streams) error {
	shelf, err := openShelf(ctx, c.Data)
	if err != nil {
		return err
	}
	m, err := shelf.Get(c.ID)
	if err = errors.Join(err, shelf.Close()); err != nil {
		return err
	}
	return printJSON(s.out, m)
}

type quarantineRetryCmd struct {
	bridgeData
	quarantineFilter
	ID   []uint64 `arg:"" optional:"" help:"Numbers of messages; without any, all that the flags name."`
	JSON bool     `help:"Print the outcomes as JSON." name:"json"`
}

// Run has messages judged again.
func (c *quarantineRetryCmd) Run(ctx context.Context, s streams) error {
	running, err := ops.Control(ctx, c.Data)
	if err != nil {
		return fmt.Errorf("a message is judged by the bridge, which must run: %w", err)
	}
	ids := c.ID
	if len(ids) == 0 {
		all, err := running.List(c.filter(0))
		if err != nil {
			return errors.Join(err, running.Close())
		}
		for _, m := range all {
			ids = append(ids, m.ID)
		}
	}
	outcomes := []bridge.Retry{}
	for _, id := range ids {
		r, err := running.Retry(id)
		if err != nil {
			return errors.Join(err, running.Close(), output(s, c.JSON, outcomes, showRetries))
		}
		outcomes = append(outcomes, r)
	}
	return errors.Join(running.Close(), output(s, c.JSON, outcomes, showRetries))
}

func showRetries(out io.Writer, outcomes []bridge.Retry) error {
	return table(out, "messages in quarantine", "ID\tOUTCOME\tDETAIL", outcomes, func(r bridge.Retry) []any {
		return []any{r.ID, r.Outcome, r.Detail}
	})
}

type quarantinePurgeCmd struct {
	bridgeData
	quarantineFilter
	ID  []uint64 `arg:"" optional:"" help:"Numbers of messages."`
	All bool     `help:"All refusals; with --accepted also readings that were accepted first."`
}

// Run removes messages: those named, or those that the flags name.
func (c *quarantinePurgeCmd) Run(ctx context.Context, s streams) error {
	if len(c.ID) == 0 && !c.All && c.Reason == "" && c.Topic == "" {
		return errors.New("name messages by number, by --reason, by --topic, or say --all")
	}
	shelf, err := openShelf(ctx, c.Data)
	if err != nil {
		return err
	}
	n := 0
	if len(c.ID) == 0 {
		n, err = shelf.Purge(c.filter(0))
	}
	for _, id := range c.ID {
		if err = shelf.Remove(id); err != nil {
			break
		}
		n++
	}
	fmt.Fprintf(s.out, "%d messages removed\n", n)
	return errors.Join(err, shelf.Close())
}
