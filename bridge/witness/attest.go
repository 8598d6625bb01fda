// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/bridge/archive"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/name"
)

// errAnswer means that peers signed something else than what was asked for.
var errAnswer = errors.New("witness: the attestation is not of these batches")

// attest has the organisations attest the batches that they have not attested yet, up to last.
func (w *Witness) attest(ctx context.Context, last uint64) {
	if !w.organisations.due() || !w.pending(last) || !w.join(ctx) {
		return
	}
	for _, group := range w.groups(last) {
		w.attestTogether(ctx, group, last)
	}
}

// pending reports whether there is something to attest now.
func (w *Witness) pending(last uint64) bool {
	if len(w.members) == 0 {
		return w.attested < last
	}
	return len(w.groups(last)) > 0
}

// join asks who attests and reports whether that is known. Who is new begins where the others are.
func (w *Witness) join(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	organisations, err := w.cfg.Organisations(asking)
	if err == nil && len(organisations) == 0 {
		err = errors.New("witness: nobody is named to attest")
	}
	if err != nil {
		if ctx.Err() == nil && w.organisations.failed(w.cfg.Interval) {
			w.logger.Warn("batches are not attested: it is not known by whom; asked again later", "error", err)
		}
		return false
	}
	if w.organisations.worked() {
		w.logger.Info("it is known again who attests", "organisations", organisations)
	}
	for member := range w.members {
		if !slices.Contains(organisations, member) {
			delete(w.members, member)
		}
	}
	for _, p := range w.members {
		w.attested = max(w.attested, p.done)
	}
	for _, o := range organisations {
		if w.members[o] == nil {
			w.members[o] = &progress{done: w.attested}
		}
	}
	return true
}

// groups puts together the organisations that stand at the same batch: they can sign the same answer.
// Those that have nothing to do or failed a moment ago are left out.
func (w *Witness) groups(last uint64) [][]string {
	at := map[uint64][]string{}
	for o, p := range w.members {
		if p.done < last && p.due() {
			at[p.done] = append(at[p.done], o)
		}
	}
	var groups [][]string
	for _, group := range at {
		slices.Sort(group)
		groups = append(groups, group)
	}
	return groups
}

// attestTogether has a group attest run after run. When that fails once, each is asked by itself, and
// what works is kept.
func (w *Witness) attestTogether(ctx context.Context, group []string, last uint64) {
	for range runsAtOnce {
		done := w.members[group[0]].done
		if done >= last || ctx.Err() != nil {
			return
		}
		to := min(last, done+record.MaxAttestedAnchors)
		err := w.ask(ctx, group, done+1, to)
		if err != nil && len(group) > 1 {
			w.attestAlone(ctx, group, done+1, to)
			return
		}
		for _, o := range group {
			w.note(ctx, o, to, err)
		}
		if err != nil {
			return
		}
	}
}

func (w *Witness) attestAlone(ctx context.Context, group []string, from, to uint64) {
	for _, o := range group {
		w.note(ctx, o, to, w.ask(ctx, []string{o}, from, to))
	}
}

// note keeps how an organisation answered, and logs when that changes.
func (w *Witness) note(ctx context.Context, organisation string, to uint64, err error) {
	p := w.members[organisation]
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if p.failed(w.cfg.Interval) {
			w.logger.Warn("an organisation does not attest; it is asked again later", "organisation", organisation, "batch", p.done+1, "error", err)
		}
	default:
		if p.worked() {
			w.logger.Info("an organisation attests again", "organisation", organisation, "batch", to)
		}
		p.done = to
	}
}

// ask has organisations sign one attestation of a run of batches, and keeps it.
func (w *Witness) ask(ctx context.Context, organisations []string, from, to uint64) error {
	devices, err := w.devices(from, to)
	if err != nil {
		return err
	}
	var nonce [32]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	request := ledger.AttestRequest{Stream: w.cfg.Stream, From: from, To: to, Devices: devices, Nonce: hex.EncodeToString(nonce[:])}
	data, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	envelope, answer, err := w.ledger.EndorseOnly(ctx, organisations, "anchors:Attest", string(data))
	if err != nil {
		return err
	}
	if err := w.check(answer, request); err != nil {
		return err
	}
	return w.archive.PutAttestation(from, to, envelope)
}

// check returns an error unless the answer is about exactly our batches. Whether the signatures under
// it are good is for auditors to verify.
func (w *Witness) check(answer []byte, request ledger.AttestRequest) error {
	a, err := record.ParseAttestation(answer)
	if err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	if a.Nonce != request.Nonce || a.Stream.Name() != request.Stream || uint64(len(a.Anchors)) != request.To-request.From+1 {
		return fmt.Errorf("%w: it has stream %s and %d anchors", errAnswer, a.Stream.Name(), len(a.Anchors))
	}
	for i, entry := range a.Anchors {
		b, err := w.batches.Batch(request.From + uint64(i))
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(b.Anchor); entry.Anchor.Number != b.Number || entry.Hash != hex.EncodeToString(sum[:]) {
			return fmt.Errorf("%w: batch %d is %x here and %s there", errAnswer, b.Number, sum, entry.Hash)
		}
	}
	return nil
}

// devices returns the devices of a run of batches, sorted, while one attestation has room for them.
// Otherwise, and when a batch is not in the archive any more, it returns none: an auditor asks for the
// devices of a reading then.
func (w *Witness) devices(from, to uint64) ([]name.Name, error) {
	found := map[name.Name]bool{}
	for n := from; n <= to; n++ {
		b, err := w.archive.Get(n)
		if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrDamaged) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range b.Entries {
			r, err := reading.Parse(e.Reading)
			if err != nil {
				return nil, nil
			}
			found[r.Claims().Device] = true
			if len(found) > record.MaxAttestedDevices {
				return nil, nil
			}
		}
	}
	devices := make([]name.Name, 0, len(found))
	for device := range found {
		devices = append(devices, device)
	}
	slices.SortFunc(devices, name.Compare)
	return devices, nil
}
