// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/trust"
)

// content is all that a report says.
func content(t testing.TB, r *audit.Report) string {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	return string(text)
}

func TestNoByteOfAStatementCanBeChangedUnseen(t *testing.T) {
	for _, consenters := range []int{0, 4} {
		for i, make := range signers() {
			s := newScene(t, consenters, make)
			data := threeOrganisations(s) // one more than is needed: such a signature's fault is seen in who vouches
			v := verifier(t, s.World)
			honest := v.Verify(data)
			requireProven(t, honest)
			want := content(t, honest)
			step := 5
			if testing.Short() {
				step = 31
			}
			for at := i; at < len(data); at += step {
				changed := bytes.Clone(data)
				changed[at] ^= 1 << (at % 8)
				r := v.Verify(changed)
				require.False(t, r.OK && content(t, r) == want, "byte %d of %d, consenters %d", at, len(data), consenters)
				if r.OK {
					require.Less(t, len(r.EndorsedBy)+len(r.AttestedBy)+len(r.OrderedBy),
						len(honest.EndorsedBy)+len(honest.AttestedBy)+len(honest.OrderedBy), "only a voucher less may be OK; byte %d", at)
				}
			}
		}
	}
}

func TestNoByteCanBeAddedOrTakenAway(t *testing.T) {
	s := plain(t)
	data := all(s)
	v := verifier(t, s.World)
	for at := 0; at < len(data); at += 13 {
		require.False(t, v.Verify(data[:at]).OK)
		require.False(t, v.Verify(append(append(bytes.Clone(data[:at]), 0), data[at:]...)).OK)
		require.False(t, v.Verify(append(bytes.Clone(data[:at]), data[at+1:]...)).OK)
	}
}

func FuzzVerify(f *testing.F) {
	text, err := os.ReadFile(filepath.Join(vectorsFolder, raftTrust))
	require.NoError(f, err)
	pinned, err := trust.Parse(text)
	require.NoError(f, err)
	v, err := audit.NewVerifier(pinned, audit.Requirement{})
	require.NoError(f, err)
	for _, dir := range []string{"good", "bad"} {
		entries, err := os.ReadDir(filepath.Join(vectorsFolder, dir))
		require.NoError(f, err)
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(vectorsFolder, dir, e.Name()))
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := v.Verify(data)
		require.Len(t, r.Checks, len(audit.IDs()))
		require.Equal(t, r.OK, r.Err() == nil)
		if r.OK {
			require.Empty(t, failed(r))
			require.True(t, r.Has(audit.Unrepudiated) && r.Has(audit.Signed) && r.Has(audit.Received))
		}
	})
}
