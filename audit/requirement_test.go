// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestARequirementIsReadAndWrittenInOneForm(t *testing.T) {
	for text, want := range map[string]audit.Requirement{
		"signed": {Level: audit.Signed}, "received": {Level: audit.Received}, "endorsed": {Level: audit.Endorsed},
		"ordered": {Level: audit.Ordered}, "attested": {Level: audit.Attested}, "unrepudiated": {Level: audit.Unrepudiated},
		"endorsed:1": {Level: audit.Endorsed, Organisations: 1}, "attested:2": {Level: audit.Attested, Organisations: 2},
		"unrepudiated:12": {Level: audit.Unrepudiated, Organisations: 12},
	} {
		got, err := audit.ParseRequirement(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	require.Equal(t, "unrepudiated", audit.Requirement{}.String())
	for _, text := range []string{"", "proven", "Attested", "attested:", "attested:0", "attested:-1", "attested:two", "signed:1", "received:1", "ordered:2", ":2", "attested:2:3"} {
		_, err := audit.ParseRequirement(text)
		require.ErrorIs(t, err, audit.ErrRequirement, text)
	}
}

func TestAStatementIsOKWhenNothingFailsAndWhatIsRequiredIsReached(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	three := func(q *world.Question) { q.By = s.Peers("Org1MSP", "Org2MSP", "Org3MSP") }
	none := receipt.Evidence{}
	transaction := receipt.Evidence{Envelope: b.Call.Envelope(t)}
	block := receipt.Evidence{Blocks: [][]byte{s.Block(b.Block).Bytes(t)}}
	attested := world.Attested(s.attest(b))
	byThree := world.Attested(s.attest(b, three))
	for _, c := range []struct {
		require  string
		evidence receipt.Evidence
		missing  []string // nil: OK
	}{
		{"signed", attested, nil},
		{"signed", none, []string{"signed"}},
		{"signed", block, []string{"signed"}},
		{"received", attested, nil},
		{"received", transaction, []string{"signed"}},
		{"endorsed:2", attested, []string{"endorsed", "endorsed by 2 organisations; 0 did"}},
		{"endorsed:2", merged(transaction, attested), nil},
		{"endorsed:3", merged(transaction, attested), []string{"endorsed by 3 organisations; 2 did"}},
		{"ordered", merged(transaction, attested), []string{"ordered"}},
		{"ordered", merged(block, attested), nil},
		{"attested", attested, nil},
		{"attested:3", attested, []string{"attested by 3 organisations; 2 did"}},
		{"attested:3", byThree, nil},
		{"attested", none, []string{"signed", "received", "attested"}},
		{"unrepudiated", attested, nil},
		{"unrepudiated", none, []string{"signed", "received", "unrepudiated"}},
	} {
		q, err := audit.ParseRequirement(c.require)
		require.NoError(t, err)
		r := s.verify(s.statement(b, c.evidence), q)
		require.Equal(t, c.missing, r.Missing, "%s %v", c.require, r.Reached)
		require.Equal(t, c.missing == nil, r.OK)
		if !r.OK {
			require.ErrorContains(t, r.Err(), c.missing[0])
		}
	}
}

// merged is the evidence of both.
func merged(a, b receipt.Evidence) receipt.Evidence {
	if a.IsZero() {
		return b
	}
	a.Attestations = b.Attestations
	return a
}

func TestAFailedCheckIsNeverOKHoweverLittleIsRequired(t *testing.T) {
	for _, v := range badVectors() {
		s := v.scene(t)
		r := s.verify(v.build(s), audit.Requirement{Level: audit.Signed})
		require.False(t, r.OK, "%s-%s", v.check, v.name)
		require.ErrorContains(t, r.Err(), string(v.check))
	}
}
