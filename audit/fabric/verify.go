// SPDX-License-Identifier: Apache-2.0

package fabric

import (
	"fmt"
	"slices"

	"github.com/anchorline/anchorline/audit/trust"
)

// A Fault is a signature that does not count, and why.
type Fault struct {
	Signer string // as it calls itself: the MSP ID, of a consenter its id
	Err    error
}

// Error names signer and reason.
func (f Fault) Error() string { return f.Signer + ": " + f.Err.Error() }

// Unwrap returns the reason.
func (f Fault) Unwrap() error { return f.Err }

// onChannel checks that the transaction is of the channel whose members are trusted: the same MSP
// ID may mean somebody else elsewhere.
func onChannel(channel string, v *trust.Verifier) error {
	if want := v.Trust().Channel(); channel != want {
		return fmt.Errorf("%w: it is of %q, trust is in members of %q", ErrChannel, channel, want)
	}
	return nil
}

// VerifyCreator checks the envelope's signature and that it is of a member of an organisation. An
// envelope that was never submitted has none: [ErrUnsigned].
func (t *Transaction) VerifyCreator(v *trust.Verifier) error {
	if err := onChannel(t.Channel, v); err != nil {
		return err
	}
	if len(t.signature) == 0 {
		return fmt.Errorf("%w: the envelope has no signature of its creator", ErrUnsigned)
	}
	creator, err := v.Member(t.Creator.MSPID, t.Creator.Certificate)
	if err != nil {
		return fmt.Errorf("creator: %w", err)
	}
	if err := creator.Verify(t.payload, t.signature); err != nil {
		return fmt.Errorf("creator %s: %w", creator.Name(), err)
	}
	return nil
}

// Signed reports whether the envelope has a signature of its creator at all.
func (t *Transaction) Signed() bool { return len(t.signature) > 0 }

// VerifyEndorsements returns the organisations whose peers vouch for the response, sorted, each
// once, and the endorsements that do not count. No organisation at all is no error here: how many
// are needed is for the caller to say.
func (t *Transaction) VerifyEndorsements(v *trust.Verifier) (organisations []string, faults []Fault) {
	if err := onChannel(t.Channel, v); err != nil {
		return nil, []Fault{{Signer: "transaction", Err: err}}
	}
	for _, e := range t.Endorsements {
		if err := t.verifyEndorsement(v, e); err != nil {
			faults = append(faults, Fault{Signer: e.Endorser.MSPID, Err: err})
			continue
		}
		organisations = append(organisations, e.Endorser.MSPID)
	}
	slices.Sort(organisations)
	return slices.Compact(organisations), faults
}

func (t *Transaction) verifyEndorsement(v *trust.Verifier, e Endorsement) error {
	endorser, err := v.Peer(e.Endorser.MSPID, e.Endorser.Certificate)
	if err != nil {
		return err
	}
	return endorser.Verify(slices.Concat(t.response, e.identity), e.signature)
}
