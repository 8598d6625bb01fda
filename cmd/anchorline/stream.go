// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/device"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
)

type streamCmd struct {
	List      streamListCmd      `cmd:"" help:"List the streams."`
	Show      streamShowCmd      `cmd:"" help:"Show a stream, its keys and where it stands."`
	Open      streamOpenCmd      `cmd:"" help:"Open a stream that only we may write; a bridge does so by itself."`
	RotateKey streamRotateKeyCmd `cmd:"" help:"Replace the key that signs a stream's receipts."`
	SetBridge streamSetBridgeCmd `cmd:"" help:"Let another identity of our organisation write a stream."`
}

type streamListCmd struct{ ledgerFlags }

// Run lists the streams.
func (c *streamListCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Stream, error) {
		return l.Streams(ctx)
	}, func(out io.Writer, all []record.Stream) error {
		return table(out, "streams", "STREAM\tOWNER\tBRIDGE\tKEY\tOPENED", all, func(s record.Stream) []any {
			k, _ := record.CurrentKey(s.Keys)
			return []any{s.ID, s.Owner, short(s.Bridge), k.ID, stamp(s.Opened)}
		})
	})
}

type streamShowCmd struct {
	ID string `arg:"" help:"Stream id."`
	ledgerFlags
}

// A streamState is a stream and where it stands.
type streamState struct {
	record.Stream
	Head record.Head `json:"head"`
}

// Run shows a stream.
func (c *streamShowCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (streamState, error) {
		stream, err := l.Stream(ctx, c.ID)
		if err != nil {
			return streamState{}, err
		}
		head, err := l.Head(ctx, c.ID)
		return streamState{stream, head}, err
	}, func(out io.Writer, s streamState) error {
		return details(out, append(streamFields(s.Stream), field{"head", headText(s.Head)})...)
	})
}

func showStream(out io.Writer, s record.Stream) error { return details(out, streamFields(s)...) }

func streamFields(s record.Stream) []field {
	fields := []field{{"stream", s.ID}, {"owner", s.Owner}, {"bridge", s.Bridge}, {"opened", stamp(s.Opened)}}
	return append(fields, keyFields(s.Keys)...)
}

type streamOpenCmd struct {
	ID  string `arg:"" help:"Stream id."`
	Key string `help:"The stream's private key, PEM, made as a device's (anchorline device new)." required:"" placeholder:"FILE"`
	ledgerFlags
}

// Run opens a stream.
func (c *streamOpenCmd) Run(ctx context.Context, s streams) error {
	signer, err := device.ReadKey(c.Key)
	if err != nil {
		return err
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Stream, error) {
		proof, err := possession(signer, streamSubject(c.ID, l.Profile().MSPID, l))
		if err != nil {
			return record.Stream{}, err
		}
		return l.OpenStream(ctx, ledger.StreamRegistration{ID: c.ID, Key: signer.Key().Text(), Proof: proof})
	}, showStream)
}

type streamRotateKeyCmd struct {
	ID string `arg:"" help:"Stream id."`
	rotationFlags
	ledgerFlags
}

// Help is the long description.
func (streamRotateKeyCmd) Help() string {
	return "The stream's bridge rotates with the old key; an admin of its organisation rotates with --lost. " +
		"Stop the bridge first: its key is stream.key in its data folder, where the new one belongs afterwards. " +
		"Receipts of the old key stay good."
}

// Run replaces a stream's key.
func (c *streamRotateKeyCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Stream, error) {
		stream, err := l.Stream(ctx, c.ID)
		if err != nil {
			return record.Stream{}, err
		}
		r, err := c.rotation(streamSubject(c.ID, stream.Owner, l), "stream.key")
		if err != nil {
			return record.Stream{}, err
		}
		return l.RotateStreamKey(ctx, r)
	}, showStream)
}

type streamSetBridgeCmd struct {
	ID       string `arg:"" help:"Stream id."`
	Identity string `arg:"" help:"The new bridge's identity, as 'role whoami' shows it to that identity."`
	ledgerFlags
}

// Run lets another identity write.
func (c *streamSetBridgeCmd) Run(ctx context.Context, s streams) error {
	if record.CheckHash("identity", c.Identity) != nil {
		return fmt.Errorf("identity %.80q: want the 64 hexadecimal digits that 'anchorline role whoami' shows to the new bridge", c.Identity)
	}
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Stream, error) {
		return l.SetBridge(ctx, c.ID, c.Identity)
	}, showStream)
}

// streamSubject is what a token about a stream's key is for.
func streamSubject(id, owner string, l *ledger.Client) reading.Subject {
	return reading.Subject{Kind: reading.StreamKey, ID: id, Owner: owner, Channel: l.Profile().Channel}
}
