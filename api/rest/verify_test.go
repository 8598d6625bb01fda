// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/api/rest"
	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/receipt"
)

// bare is a statement without the evidence in it, and of another ledger where one is named.
func bare(t *testing.T, data []byte) []byte {
	t.Helper()
	s, err := receipt.ParseStatement(data)
	require.NoError(t, err)
	again, err := receipt.NewStatement(s.Reading.Bytes(), s.Receipt.Bytes(), s.Anchor, receipt.Evidence{})
	require.NoError(t, err)
	return again
}

// report verifies a statement at an address and returns what is said of it.
func report(t *testing.T, url string, statement []byte) audit.Report {
	t.Helper()
	r := do(t, http.MethodPost, url+"/v1/statements/verify", statement, "Content-Type", "application/cose")
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	var said audit.Report
	r.decode(t, &said)
	return said
}

func (w *world) statementsAreVerified(t *testing.T) {
	whom, err := online.Trust(t.Context(), w.ledger, w.ledger.Profile().Ledger(), 0)
	require.NoError(t, err)
	pinned := serve(t, w.ledger, func(c *rest.Config) { c.Name, c.Trust = whom.Ledger, trustFile(t, whom) })
	for _, data := range w.statements {
		for _, url := range []string{w.url, pinned} {
			said := report(t, url, bare(t, data))
			require.True(t, said.OK, "what the statement lacks is asked for: %v", said.Checks)
			require.Equal(t, []string{"Org1MSP", "Org2MSP"}, said.AttestedBy)
			s, err := receipt.ParseStatement(data)
			require.NoError(t, err)
			require.Equal(t, s.Reading.Claims().Device, said.Device)
			require.Equal(t, s.Reading.Claims().Sequence, said.Sequence)
			require.Equal(t, stream, said.Stream)
		}
	}
	data := bare(t, w.statements[0])
	for at := range data {
		if at%37 != 0 {
			continue // every byte is tried in package audit; here, that the answer is one
		}
		changed := append([]byte(nil), data...)
		changed[at] ^= 1
		said := report(t, w.url, changed)
		require.False(t, said.OK, "byte %d", at)
		require.NotEmpty(t, said.NotProven)
		require.Len(t, said.Checks, len(audit.IDs()))
	}
	w.verify(make([]byte, rest.MaxStatement+1)).isProblem(t, http.StatusRequestEntityTooLarge, "TOO_LARGE")
	do(t, http.MethodPost, w.url+"/v1/statements/verify", w.statements[0], "Content-Type", "text/plain").
		isProblem(t, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
	w.trustDecides(t, whom, data)
}

// trustDecides has the same statement verified by services that trust others.
func (w *world) trustDecides(t *testing.T, whom trust.Trust, statement []byte) {
	t.Helper()
	strangers := whom
	strangers.Organisations = append([]trust.Organisation(nil), whom.Organisations...)
	strangers.Organisations[0].Roots = whom.Organisations[1].Roots // one organisation's name, another's authority
	strangers.Organisations[0].Intermediates = whom.Organisations[1].Intermediates
	url := serve(t, w.ledger, func(c *rest.Config) { c.Name, c.Trust = whom.Ledger, trustFile(t, strangers) })
	require.False(t, report(t, url, statement).OK, "two must attest, and one of them is not who it says")

	for file, says := range map[string]string{
		trustFile(t, whom):                "it is of ledger mychannel/anchorline, and this service shows other/anchorline",
		"missing.json":                    "missing.json",
		tokenFile(t, "broken.json", "{}"): "broken.json",
	} {
		cfg := rest.Default()
		cfg.Listen, cfg.Name, cfg.Trust = "127.0.0.1:0", "other/anchorline", file
		_, err := rest.Listen(t.Context(), cfg, w.ledger, quiet)
		require.ErrorIs(t, err, rest.ErrConfig)
		require.ErrorContains(t, err, says)
	}
}

// trustFile writes a trust.json.
func trustFile(t *testing.T, whom trust.Trust) string {
	t.Helper()
	text, err := whom.Encode()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "trust.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

func TestAStatementIsNotJudgedWhileTheLedgerCannotSayWhomToTrust(t *testing.T) {
	away := serve(t, &stub{err: &ledger.Error{Step: "evaluate", Kind: ledger.ErrUnavailable}})
	do(t, http.MethodPost, away+"/v1/statements/verify", []byte("x"), "Content-Type", "application/cose").
		isProblem(t, http.StatusServiceUnavailable, "UNAVAILABLE")
}
