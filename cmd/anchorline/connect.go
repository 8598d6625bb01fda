// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/anchorline/anchorline/ledger"
)

// profileFlag names the network and identity of commands that speak to the ledger.
type profileFlag struct {
	Profile string `help:"Connection profile: network and identity." default:"anchorline-data/profile.json" placeholder:"FILE"`
}

// profile reads the profile, or says where one comes from.
func (f profileFlag) profile() (ledger.Profile, error) {
	p, err := ledger.ReadProfile(f.Profile)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: name one with --profile; 'anchorline up' and 'anchorline network devnet' write some", err)
	}
	return p, err
}

func (f profileFlag) connect() (*ledger.Client, error) {
	p, err := f.profile()
	if err != nil {
		return nil, err
	}
	return ledger.Connect(p)
}

// ledgerFlags are what a command that makes one call of the ledger takes.
type ledgerFlags struct {
	profileFlag
	Timeout time.Duration `help:"How long the ledger may take." default:"2m" placeholder:"TIME"`
	JSON    bool          `help:"Print JSON." name:"json"`
}

// limit ends what takes longer than the flag allows.
func (f ledgerFlags) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, f.Timeout)
}

// Validate refuses a time limit within which nothing can be asked.
func (f ledgerFlags) Validate() error {
	if f.Timeout <= 0 {
		return fmt.Errorf("--timeout %s: want a time, for example 30s", f.Timeout)
	}
	return nil
}

// withLedger connects, calls f and gives the connection back.
func withLedger(ctx context.Context, flags ledgerFlags, f func(context.Context, *ledger.Client) error) error {
	l, err := flags.connect()
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, cancel := flags.limit(ctx)
	defer cancel()
	return f(ctx, l)
}

// ask makes a call and prints its answer: as JSON when that is asked for, and as show does when
// not. An answer that one of good refuses ends the command with status 1.
func ask[T any](
	ctx context.Context, s streams, flags ledgerFlags,
	call func(context.Context, *ledger.Client) (T, error), show func(io.Writer, T) error, good ...func(T) bool,
) error {
	return withLedger(ctx, flags, func(ctx context.Context, l *ledger.Client) error {
		answer, err := call(ctx, l)
		if err != nil {
			return err
		}
		if err := output(s, flags.JSON, answer, show); err != nil {
			return err
		}
		if slices.ContainsFunc(good, func(holds func(T) bool) bool { return !holds(answer) }) {
			return errSilent
		}
		return nil
	})
}

// output prints an answer as JSON or as show does.
func output[T any](s streams, asJSON bool, answer T, show func(io.Writer, T) error) error {
	if asJSON {
		return printJSON(s.out, answer)
	}
	return show(s.out, answer)
}
