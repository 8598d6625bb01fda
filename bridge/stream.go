// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/anchorline/anchorline/bridge/spool"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/durable"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/cose"
)

// ErrDiverged is returned when the ledger's stream and the bridge's folder tell different
// stories. Going on would fork the stream, so nothing is anchored.
var ErrDiverged = errors.New("bridge: the data folder does not belong to the stream on the ledger")

// ErrKeyReplaced is returned when the stream's key on the ledger is no longer the folder's.
var ErrKeyReplaced = errors.New("bridge: the stream's key was replaced")

// streamKey reads the stream's key, or makes one. Losing it ends the stream's receipts, not
// what they proved.
func streamKey(path string) (cose.Signer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newStreamKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("bridge: stream key: %w", err)
	}
	private, err := cose.ParsePrivateKeyPEM(text)
	if err != nil {
		return nil, fmt.Errorf("bridge: stream key %s: %w", path, err)
	}
	return cose.NewSigner(private)
}

func newStreamKey(path string) (cose.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("bridge: make stream key: %w", err)
	}
	text, err := cose.MarshalPrivateKeyPEM(private)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	return cose.NewSigner(private)
}

// openStream opens the stream on the ledger, waiting for a ledger that is away, and makes sure
// that ledger and folder agree.
func (b *Bridge) openStream(ctx context.Context) error {
	token, err := b.proof()
	if err != nil {
		return err
	}
	request := ledger.StreamRegistration{
		ID: b.cfg.Stream, Key: b.signer.Key().Text(), Proof: base64.RawURLEncoding.EncodeToString(token),
	}
	began := time.Now()
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		_, err := b.ledger.OpenStream(ctx, request)
		switch {
		case err == nil:
			err = b.agree(ctx)
		case errors.Is(err, ledger.ErrConflict):
			return fmt.Errorf("%w: put the one that the ledger has into %s: %w", ErrKeyReplaced, b.cfg.keyFile(), err)
		case errors.Is(err, ledger.ErrAlreadyExists):
			return fmt.Errorf("%w. If stream %s is ours, this is not its key (%s) or not its identity: restore the key or replace it (anchorline stream rotate-key), "+
				"let this identity in (anchorline stream set-bridge), or choose another stream id", err, b.stream, b.cfg.keyFile())
		}
		catchingUp := errors.Is(err, errBehind) && time.Since(began) < catchUp
		if err == nil || (!ledger.Passing(err) && !catchingUp) {
			return err
		}
		b.logger.Warn("the ledger cannot serve the stream yet; devices' readings stay with the broker", "error", err, "again_in", pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// errBehind is an ErrDiverged that may pass: a peer that was just started has not yet all blocks.
var errBehind = fmt.Errorf("%w: the ledger is behind", ErrDiverged)

// catchUp is how long a peer may take to get the blocks it missed.
const catchUp = 2 * time.Minute

// agree compares the ledger's head with the newest batch: the ledger may lack the batch that a
// crash left in flight, and nothing else.
func (b *Bridge) agree(ctx context.Context) error {
	head, err := b.ledger.Head(ctx, b.stream)
	if err != nil {
		return err
	}
	latest, err := b.spool.Latest()
	if errors.Is(err, spool.ErrNotFound) {
		latest, err = &spool.Batch{}, nil
	}
	if err != nil {
		return err
	}
	inFlight := latest.State == spool.Sealed || latest.State == spool.Prepared
	if err := b.archived(head.Number); err != nil {
		return err
	}
	switch {
	case head.Number == latest.Number:
		return b.sameHead(head, latest, record.Anchor.HashText)
	case inFlight && head.Number+1 == latest.Number:
		return b.sameHead(head, latest, func(a record.Anchor) (string, error) { return a.Previous, nil })
	}
	if head.Number > latest.Number && latest.Number > 0 {
		return fmt.Errorf("%w: %s is an older copy: it ends at batch %d, and stream %s stands at %d on the ledger. Use the folder that wrote it; if that is lost, "+
			"take what still waits in the copy to another stream: anchorline bridge export --data %s, then anchorline bridge import at a bridge with another stream id. "+
			"What is anchored already is then anchored once more, on the other stream",
			ErrDiverged, b.cfg.Dir, latest.Number, b.stream, head.Number, b.cfg.Dir)
	}
	diverged := ErrDiverged
	if head.Number < latest.Number {
		diverged = errBehind
	}
	return fmt.Errorf("%w: stream %s stands at batch %d on the ledger and at %d in %s: use the folder that wrote it, or another stream id",
		diverged, b.stream, head.Number, latest.Number, b.cfg.Dir)
}

// archived warns of batches that are on the ledger and not in the folder any more: anchoring goes on
// without them, statements of their readings do not.
func (b *Bridge) archived(head uint64) error {
	for _, number := range []uint64{1, head} {
		there, err := b.archive.Has(number)
		if err != nil {
			return err
		}
		if head > 0 && !there {
			b.logger.Warn("the archive lacks a batch that the ledger has: restore it from a backup, or its readings can be proven by their receipts only; "+
				"anchorline audit archive names every batch that is missing", "batch", number, "archive", filepath.Join(b.cfg.Dir, "archive"))
			return nil
		}
	}
	return nil
}

// sameHead compares the hash of the ledger's head with what the newest batch says it is.
func (b *Bridge) sameHead(head record.Head, latest *spool.Batch, of func(record.Anchor) (string, error)) error {
	if latest.Number == 0 {
		return nil
	}
	a, err := record.ParseAnchor(latest.Anchor)
	if err != nil {
		return fmt.Errorf("bridge: anchor of batch %d: %w", latest.Number, err)
	}
	want, err := of(a)
	if err != nil {
		return fmt.Errorf("bridge: anchor of batch %d: %w", latest.Number, err)
	}
	if want != head.Hash {
		return fmt.Errorf("%w: batch %d of stream %s is %s on the ledger and %s in %s",
			ErrDiverged, head.Number, b.stream, head.Hash, want, b.cfg.Dir)
	}
	return nil
}
