// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/reading/receipt"
)

func TestAStatementWithAllEvidenceReachesEverything(t *testing.T) {
	for _, consenters := range []int{0, 4} {
		for _, make := range signers() {
			s := newScene(t, consenters, make)
			b := s.anchor()
			r := s.verify(s.statement(b, s.whole(b)))
			requireProven(t, r)
			require.Equal(t, []string{"Org1MSP", "Org2MSP"}, r.EndorsedBy)
			require.Equal(t, []string{"Org1MSP", "Org2MSP"}, r.AttestedBy)
			require.Len(t, r.OrderedBy, max(1, consenters*3/4))
			require.Equal(t, b.Block, r.Position.Block)
			require.Equal(t, b.Index, r.Position.Index)
			require.Equal(t, b.Block, r.AsOf.Block)
			require.Empty(t, r.Notes)
			require.Equal(t, s.device, r.Device)
			require.Equal(t, s.stream, r.Stream)
			require.EqualValues(t, 1, r.Index)
			require.Equal(t, b.Tx, r.Tx)
			require.Equal(t, b.Entry.LedgerTime, r.Clocks.Ledger)
			require.Len(t, r.Proven, len(audit.Levels()))
		}
	}
}

func TestAStatementWithoutEvidenceReachesNothingAndSaysWhatIsMissing(t *testing.T) {
	s := plain(t)
	r := s.verify(s.statement(s.anchor(), receipt.Evidence{}))
	require.False(t, r.OK)
	require.Empty(t, r.Reached)
	require.Empty(t, failed(r))
	require.Empty(t, r.Proven)
	require.ErrorIs(t, r.Err(), audit.ErrNotProven)
	require.Equal(t, []string{"signed", "received", "unrepudiated"}, r.Missing)
	for id, says := range map[audit.ID]string{
		audit.ReadingKey:          "no attestation holds the record of device Org1MSP/pump-1",
		audit.ReadingSignature:    "no attestation holds the record of device",
		audit.ReadingStanding:     "no attestation holds the record of device",
		audit.ReceiptKey:          "no attestation holds the record of stream Org1MSP/bridge-1",
		audit.ReceiptSignature:    "no attestation holds the record of stream",
		audit.ReceiptStanding:     "no attestation holds the record of stream",
		audit.EndorsedTransaction: "the anchor's transaction is not there",
		audit.EndorsedSignatures:  "the anchor's transaction is not there",
		audit.OrderedBlock:        "no block with the anchor's transaction is there",
		audit.AttestedTransaction: "no organisation's attestation is there",
		audit.AttestedAnchor:      "no organisation's attestation is there",
		audit.Repudiated:          "no attestation holds the records",
	} {
		require.Equal(t, audit.Skipped, r.Check(id).Outcome, id)
		require.Contains(t, r.Check(id).Detail, says)
	}
	require.Len(t, r.NotProven, 9, "each level, the truth of the reading, its completeness, and the time of day")
}

func TestEveryCheckIsInEveryReportOnceAndInOrder(t *testing.T) {
	s := plain(t)
	for _, data := range [][]byte{nil, []byte("no statement"), all(s), s.statement(s.anchor(), receipt.Evidence{})} {
		r := s.verify(data)
		var ids []audit.ID
		for _, c := range r.Checks {
			ids = append(ids, c.ID)
			require.NotEmpty(t, c.Detail)
		}
		require.Equal(t, audit.IDs(), ids)
	}
}

func TestTheTrustOfAnotherChannelBelievesNothing(t *testing.T) {
	s := plain(t)
	data := all(s)
	s.Trust.Ledger = "otherchannel/anchorline"
	r := s.verify(data)
	require.False(t, r.OK)
	require.Empty(t, r.Reached)
	require.Empty(t, r.EndorsedBy)
	require.Empty(t, r.OrderedBy)
	require.Empty(t, r.AttestedBy)
	require.Equal(t, []audit.ID{
		audit.ReceiptLedger, audit.EndorsedTransaction, audit.EndorsedCreator, audit.EndorsedSignatures, audit.OrderedSignatures, audit.AttestedTransaction,
	}, failed(r))

	s = plain(t)
	data = all(s)
	s.Trust.Ledger = "mychannel/other"
	r = s.verify(data)
	require.False(t, r.OK)
	require.Empty(t, r.AttestedBy)
	require.Equal(t, []audit.ID{audit.ReceiptLedger, audit.EndorsedTransaction, audit.AttestedTransaction}, failed(r))
}

func TestTheTrustOfOtherMembersBelievesNothing(t *testing.T) {
	s := plain(t)
	data := all(s)
	for i, o := range s.Trust.Organisations {
		other := world.NewAuthority(t, o.MSPID, "others")
		s.Trust.Organisations[i] = trust.Organisation{MSPID: o.MSPID, Roots: []string{other.PEM}, Unit: "peer"}
	}
	r := s.verify(data)
	require.Equal(t, []audit.ID{audit.EndorsedCreator, audit.EndorsedSignatures, audit.AttestedSignatures}, failed(r))
	require.NotContains(t, r.Reached, audit.Attested)
}

func TestAStatementThatIsNoneSaysSo(t *testing.T) {
	s := plain(t)
	r := s.verify([]byte("no statement"))
	requireFailed(t, r, audit.StatementFormat, "does not start with tag 18")
	require.Nil(t, r.Reading)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(text), `"proven":[]`)
}

func TestAnEnvelopeBesideItsBlockIsTheOneInTheBlock(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	e := s.whole(b)
	e.Envelope = b.Call.Envelope(t)
	requireProven(t, s.verify(s.statement(b, e)))
	other := b.Call
	other.OnEnvelope = func(e *common.Envelope, _ *common.Header) { e.Signature = world.HighS(t, e.GetSignature()) }
	e.Envelope = other.Envelope(t)
	requireFailed(t, s.verify(s.statement(b, e)), audit.OrderedBlock, "in another envelope")
}

func TestABlockOfAnotherConfigurationIsNoted(t *testing.T) {
	s := plain(t)
	data := all(s)
	s.Trust.ConfigurationBlock = 5
	r := s.verify(data)
	requireProven(t, r)
	require.Len(t, r.Notes, 1)
	require.Contains(t, r.Notes[0], "was made under configuration block 3, trust.json is of configuration block 5")
}

func TestABlockWithoutTheTransactionOrdersNothing(t *testing.T) {
	s := plain(t)
	b := s.anchor()
	s.Suspend(s.device)
	e := receipt.Evidence{Blocks: [][]byte{s.Block(b.Block + 1).Bytes(t)}, Attestations: [][]byte{s.attest(b)}}
	r := s.verify(s.statement(b, e))
	requireProvenAttested(t, r)
	require.Contains(t, r.Check(audit.OrderedBlock).Detail, "no block with the anchor's transaction is there")
}

func TestAnOrganisationWithoutNodeOUsIsNoted(t *testing.T) {
	s := plain(t)
	s.Trust.Organisations[2].Unit = ""
	b := s.anchor()
	client := func(q *world.Question) { q.By = []*world.Member{s.Org("Org1MSP").Peer, s.Org("Org3MSP").Bridge} }
	r := s.verify(s.statement(b, world.Attested(s.attest(b, client))))
	requireProvenAttested(t, r)
	require.True(t, strings.HasPrefix(r.Notes[0], "Org3MSP has no NodeOUs"), r.Notes)
}

func TestAVerifierThatIsUsedAgainSaysTheSame(t *testing.T) {
	s := plain(t)
	v := verifier(t, s.World)
	good := all(s)
	bad := readBy(forger, nil, nil)(s)
	for range 3 {
		requireProven(t, v.Verify(good))
		requireFailed(t, v.Verify(bad), audit.ReadingSignature, "bad signature")
	}
	require.Equal(t, content(t, s.verify(good)), content(t, v.Verify(good)))
}

func BenchmarkVerifyEverything(b *testing.B) {
	for name, consenters := range map[string]int{"raft": 0, "bft": 4} {
		for i, make := range signers() {
			s := newScene(b, consenters, make)
			data := all(s)
			b.Run(name+"-"+[]string{"eddsa", "es256"}[i]+"-first", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !verifier(b, s.World).Verify(data).OK {
						b.Fatal("not OK")
					}
				}
			})
			b.Run(name+"-"+[]string{"eddsa", "es256"}[i]+"-again", func(b *testing.B) {
				b.ReportAllocs()
				v := verifier(b, s.World)
				for b.Loop() {
					if !v.Verify(data).OK {
						b.Fatal("not OK")
					}
				}
			})
		}
	}
}
