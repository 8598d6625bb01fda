// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/fabric/fabrictest"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/bridge/fsck/report"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// A scene is a channel, and a member of it with a report.
type scene struct {
	network *fabrictest.Network
	trusted *trust.Verifier
	key     *ecdsa.PrivateKey
	member  *fabrictest.Member
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{network: fabrictest.NewNetwork(t, 0)}
	s.trusted = s.network.Verifier(t)
	var err error
	s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s.member = s.network.Org1.IssueTo(t, s.key, "auditor", []string{"client"})
	return s
}

var (
	stream = name.New("Org1MSP", "line-1")
	pump   = name.New("Org1MSP", "pump-1")
)

func document() report.Document {
	began := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return report.Document{
		By: report.Auditor{MSPID: "Org1MSP", Name: "auditor"}, Tool: "anchorline 1.0", Peer: "peer0:7051", Began: began, Ended: began.Add(90 * time.Second),
		Findings: fsck.Report{
			Ledger: "mychannel/anchorline", Batches: 12, Readings: 1234567, Faults: []fsck.Fault{}, Undecided: []string{}, Unchecked: []string{"What nobody sent."},
			Streams: []fsck.StreamReport{{Stream: stream, Batches: fsck.Range{From: 1, To: 12}, Readings: 1234567, Head: "ab12"}},
			Devices: []fsck.DeviceReport{{Device: pump, Readings: 1234567, Highest: 1234569, Missing: 2, Listed: []fsck.Range{{From: 7, To: 8}}}},
		},
	}
}

// signed is a report with its signature.
func (s *scene) signed(t testing.TB, d report.Document, chain ...*x509.Certificate) (text, signature []byte) {
	t.Helper()
	text, err := d.Encode()
	require.NoError(t, err)
	signature, err = report.Sign(text, s.key, append([]*x509.Certificate{s.member.Cert}, chain...))
	require.NoError(t, err)
	return text, signature
}

func TestASignedReportNamesItsSignerAndWhatWasFound(t *testing.T) {
	s := newScene(t)
	for _, chain := range [][]*x509.Certificate{nil, {s.network.Org1.Cert}} {
		text, signature := s.signed(t, document(), chain...)
		got, err := report.Verify(text, signature, s.trusted)
		require.NoError(t, err)
		require.Equal(t, "Org1MSP auditor", got.Member.Name())
		require.Equal(t, report.Confirmed, got.Verdict)
		require.Equal(t, document().Findings, got.Findings)
		require.Equal(t, document().Ended, got.Ended)
	}
}

func TestTheSignatureIsACOSESign1WithTheChainOfRFC9360(t *testing.T) {
	s := newScene(t)
	_, signature := s.signed(t, document(), s.network.Org1.Cert)
	m, err := cose.Parse(signature)
	require.NoError(t, err)
	require.Nil(t, m.Payload, "it is detached")
	var header map[int64]any
	require.NoError(t, cbor.Unmarshal(m.Protected, &header))
	require.EqualValues(t, -7, header[1])
	require.Equal(t, []any{s.member.Cert.Raw, s.network.Org1.Cert.Raw}, header[33])
	_, signature = s.signed(t, document())
	m, err = cose.Parse(signature)
	require.NoError(t, err)
	require.NoError(t, cbor.Unmarshal(m.Protected, &header))
	require.Equal(t, s.member.Cert.Raw, header[33])
}

func TestAReportThatWasChangedOrIsNotOfAMemberIsRefused(t *testing.T) {
	s := newScene(t)
	text, signature := s.signed(t, document())
	refused := func(text, signature []byte, trusted *trust.Verifier, want string) {
		t.Helper()
		_, err := report.Verify(text, signature, trusted)
		require.ErrorIs(t, err, report.ErrReport)
		require.ErrorContains(t, err, want)
	}
	refused(bytes.Replace(text, []byte("1234567"), []byte("1234568"), 1), signature, s.trusted, "the report was changed")
	refused(bytes.Replace(text, []byte("confirmed"), []byte("refuted"), 1), signature, s.trusted, "its findings are")
	refused(bytes.Replace(text, []byte(`"Org1MSP"`), []byte(`"Org2MSP"`), 1), signature, s.trusted, "its signer")
	refused(text, signature, newScene(t).trusted, "its signer")
	refused(text, highS(t, signature), s.trusted, "encoding")
	for i := range signature {
		changed := bytes.Clone(signature)
		changed[i] ^= 1
		refused(text, changed, s.trusted, "")
	}

	other := document()
	other.By.Name = "somebody"
	text, signature = s.signed(t, other)
	refused(text, signature, s.trusted, "it says \"somebody\"")
	other = document()
	other.Findings.Ledger = "mychannel/other"
	text, signature = s.signed(t, other)
	refused(text, signature, s.trusted, "the trust is for mychannel/anchorline")
	refused([]byte("{}"), signature, s.trusted, "of version 0")
}

// highS is the other signature that verifies.
func highS(t *testing.T, signature []byte) []byte {
	t.Helper()
	m, err := cose.Parse(signature)
	require.NoError(t, err)
	s := new(big.Int).SetBytes(m.Signature[32:])
	m.Signature = append(bytes.Clone(m.Signature[:32]), new(big.Int).Sub(elliptic.P256().Params().N, s).FillBytes(make([]byte, 32))...)
	return m.Encode()
}

func TestACertificateOfAnotherKeySignsNothing(t *testing.T) {
	s := newScene(t)
	_, err := report.Sign([]byte("x"), s.key, []*x509.Certificate{s.network.Peer1.Cert})
	require.ErrorContains(t, err, "not of this key")
	_, err = report.Sign([]byte("x"), s.key, nil)
	require.Error(t, err)
}

func TestTheVerdictIsThatOfTheFindings(t *testing.T) {
	r := document().Findings
	require.Equal(t, report.Confirmed, report.VerdictOf(r))
	r.Undecided = []string{"x"}
	require.Equal(t, report.CannotTell, report.VerdictOf(r))
	r.Omitted = 1
	require.Equal(t, report.Refuted, report.VerdictOf(r))
}

// page is the page of a report.
func page(t testing.TB, d report.Document) string {
	t.Helper()
	text, err := d.Encode()
	require.NoError(t, err)
	html, err := report.Page(text, "report.json")
	require.NoError(t, err)
	return string(html)
}

func TestThePageSaysInSentencesWhatWasFound(t *testing.T) {
	html := page(t, document())
	for _, want := range []string{
		"What the archive holds is what was anchored.", "1,234,567 readings of 1 device", "2 numbers are missing, of 1 device", "<td data-label=\"Which numbers\">7–8</td>",
		"On 1 March 2026, from 10:00:00 to 10:01:30 UTC, auditor of Org1MSP", "What nobody sent.", "ab12",
	} {
		require.Contains(t, html, want)
	}
	d := document()
	d.Findings.Faults = []fsck.Fault{{
		Stream: stream, Check: fsck.ReadingSigned, Batches: fsck.Range{From: 3, To: 5}, Device: pump, Readings: 2000, Numbers: []fsck.Range{{From: 7, To: 106}}, What: "not signed: " + strings.Repeat("0a", 32),
	}}
	html = page(t, d)
	require.Contains(t, html, "Archive and ledger do not agree: 1 fault.")
	require.Contains(t, html, "2,000 readings, numbers 7–106 and 1,900 more of Org1MSP/pump-1")
	require.Contains(t, html, "not signed: 0a0a0a0a0a0a…<", "whole hashes are in the JSON")
	d = document()
	d.Findings.Streams[0].Repudiated, d.Findings.Streams[0].Why = 2, "Org1MSP said so"
	require.Contains(t, page(t, d), "2 receipts of stream Org1MSP/line-1 are by a key that its owner disowned later. Org1MSP said so.")
	d.Findings.Undecided = []string{"Whether it is so."}
	require.Contains(t, page(t, d), "Whether it is so.")
}

func TestThePageNeedsNothingElseAndRunsNothing(t *testing.T) {
	d := document()
	d.By.Name = `<script>alert(1)</script>`
	d.Findings.Faults = []fsck.Fault{{Stream: stream, What: `"><img src=x onerror=alert(1)>`}}
	html := page(t, d)
	for _, no := range []string{"<script", "<img", "<link", "url(", "http://", "https://", "@import"} {
		require.NotContains(t, html, no)
	}
}

func TestAPageStaysSmallHoweverManyFaultsThereAre(t *testing.T) {
	d := document()
	for i := range 3000 {
		d.Findings.Faults = append(d.Findings.Faults, fsck.Fault{Stream: stream, What: fmt.Sprint("fault ", i)})
		d.Findings.Devices = append(d.Findings.Devices, fsck.DeviceReport{Device: name.New("Org1MSP", fmt.Sprint("x", i)), Missing: 1, Repudiated: 1})
	}
	html := page(t, d)
	require.Contains(t, html, "2,500 further faults")
	require.Contains(t, html, "2,501 further devices")
	require.Less(t, len(html), 400_000)
}

func FuzzASignatureIsVerifiedOrRefused(f *testing.F) {
	s := newScene(f)
	text, signature := s.signed(f, document())
	f.Add(uint16(0), uint16(0), []byte{})
	f.Add(uint16(2), uint16(1), []byte{0x58})
	f.Fuzz(func(t *testing.T, at, cut uint16, with []byte) {
		from := min(int(at), len(signature))
		to := min(from+int(cut), len(signature))
		data := append(append(bytes.Clone(signature[:from]), with...), signature[to:]...)
		_, err := report.Verify(text, data, s.trusted)
		if err != nil {
			require.ErrorIs(t, err, report.ErrReport)
			return
		}
		require.Equal(t, signature, data, "there is one encoding")
	})
}
