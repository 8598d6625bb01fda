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
	"github.com/anchorline/anchorline/reading/name"
)

type streamCmd struct {
	List      streamListCmd      `cmd:"" help:"List the streams."`
	Show      streamShowCmd      `cmd:"" help:"Show a stream, its keys and where it stands."`
	Open      streamOpenCmd      `cmd:"" help:"Open a stream that only we may write; a bridge does so by itself."`
	RotateKey streamRotateKeyCmd `cmd:"" help:"Replace the key that signs a stream's receipts."`
	Stop      streamStopCmd      `cmd:"" help:"End the key that signs a stream's receipts, at once and by our organisation alone."`
	SetBridge streamSetBridgeCmd `cmd:"" help:"Let another identity of our organisation write a stream."`
}

type streamListCmd struct{ ledgerFlags }

// Run lists the streams.
func (c *streamListCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) ([]record.Stream, error) {
		return l.Streams(ctx)
	}, func(out io.Writer, all []record.Stream) error {
		return table(out, "streams", "STREAM\tBRIDGE\tKEY\tOPENED", all, func(s record.Stream) []any {
			k, _ := record.CurrentKey(s.Keys)
			return []any{s.Name(), short(s.Bridge), k.ID, stamp(s.Opened.Time)}
		})
	})
}

// streamArgs are what commands on one stream take.
type streamArgs struct {
	Stream nameArg `arg:"" help:"Stream: Org1MSP/bridge-1, or bridge-1 of our own organisation."`
	ledgerFlags
}

type streamShowCmd struct{ streamArgs }

// A streamState is a stream and where it stands.
type streamState struct {
	record.Stream
	Head record.Head `json:"head"`
}

// Run shows a stream.
func (c *streamShowCmd) Run(ctx context.Context, s streams) error {
	return ask(ctx, s, c.ledgerFlags, func(ctx context.Context, l *ledger.Client) (streamState, error) {
		named, err := c.Stream.of(l)
		if err != nil {
			return streamState{}, err
		}
		stream, err := l.Stream(ctx, named)
		if err != nil {
			return streamState{}, err
		}
		head, err := l.Head(ctx, named)
		return streamState{stream, head}, err
	}, func(out io.Writer, s streamState) error {
		return details(out, append(streamFields(s.Stream), field{"head", headText(s.Head)})...)
	})
}

func showStream(out io.Writer, s record.Stream) error { return details(out, streamFields(s)...) }

func streamFields(s record.Stream) []field {
	fields := []field{{"stream", s.Name()}, {"bridge", s.Bridge}, {"opened", moment(&s.Opened)}}
	return append(fields, keyFields(s.Keys)...)
}

// change makes a call that changes a stream of our own, and shows what became of it.
func (a *streamArgs) change(
	ctx context.Context, s streams, call func(ctx context.Context, l *ledger.Client, id string) (record.Stream, error),
) error {
	return ask(ctx, s, a.ledgerFlags, func(ctx context.Context, l *ledger.Client) (record.Stream, error) {
		id, err := a.Stream.own(l.Profile())
		if err != nil {
			return record.Stream{}, err
		}
		return call(ctx, l, id)
	}, showStream)
}

type streamOpenCmd struct {
	streamArgs
	Key string `help:"The stream's private key, PEM, made as a device's (anchorline device new)." required:"" placeholder:"FILE"`
}

// Run opens a stream.
func (c *streamOpenCmd) Run(ctx context.Context, s streams) error {
	signer, err := device.ReadKey(c.Key)
	if err != nil {
		return err
	}
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Stream, error) {
		proof, err := possession(signer, streamSubject(id, l.Profile()))
		if err != nil {
			return record.Stream{}, err
		}
		return l.OpenStream(ctx, ledger.StreamRegistration{ID: id, Key: signer.Key().Text(), Proof: proof})
	})
}

type streamRotateKeyCmd struct {
	streamArgs
	rotationFlags
}

// Help is the long description.
func (streamRotateKeyCmd) Help() string {
	return "The stream's bridge rotates with the old key; an admin of its organisation rotates with --reason. " +
		"Stop the bridge first: its key is stream.key in its data folder, where the new one belongs afterwards. " +
		"Receipts that the old key signed before stay good, unless --compromised-since disowns them."
}

// Run replaces a stream's key.
func (c *streamRotateKeyCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Stream, error) {
		r, err := c.rotation(streamSubject(id, l.Profile()), "stream.key")
		if err != nil {
			return record.Stream{}, err
		}
		return l.RotateStreamKey(ctx, r)
	})
}

type streamStopCmd struct {
	streamArgs
	Reason           reason  `help:"Why." required:"" placeholder:"TEXT"`
	CompromisedSince instant `help:"Time from which its receipts are not to be trusted (RFC 3339)." placeholder:"TIME"`
}

// Run ends a stream's key.
func (c *streamStopCmd) Run(ctx context.Context, s streams) error {
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Stream, error) {
		return l.StopStream(ctx, id, string(c.Reason), millis(c.CompromisedSince.Time))
	})
}

type streamSetBridgeCmd struct {
	streamArgs
	Identity string `arg:"" help:"The new bridge's identity, as 'role whoami' shows it to that identity."`
}

// Run lets another identity write.
func (c *streamSetBridgeCmd) Run(ctx context.Context, s streams) error {
	if record.CheckHash("identity", c.Identity) != nil {
		return fmt.Errorf("identity %.80q: want the 64 hexadecimal digits that 'anchorline role whoami' shows to the new bridge", c.Identity)
	}
	return c.change(ctx, s, func(ctx context.Context, l *ledger.Client, id string) (record.Stream, error) {
		return l.SetBridge(ctx, id, c.Identity)
	})
}

// streamSubject is what a token about the key of a stream of ours is for.
func streamSubject(id string, p ledger.Profile) reading.Subject {
	return reading.Subject{Kind: reading.StreamKey, Name: name.New(p.MSPID, id), Channel: p.Channel}
}
