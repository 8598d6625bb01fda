// SPDX-License-Identifier: Apache-2.0

package online_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/audit/online"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// peers is a ledger of a world.
type peers struct {
	garbage string // the organisation whose peers sign an answer that is none
	t       testing.TB
	w       *world.World
	away    map[string]bool // organisations whose peers do not answer
	fault   error           // of every question
	// unknown is a device that is not registered, if it is set.
	unknown name.Name
	blocks  map[string]int // how often the block of a transaction was asked for
	asked   [][]string     // organisations, question by question
}

func (p *peers) EndorseOnly(_ context.Context, organisations []string, function string, args ...string) ([]byte, []byte, error) {
	p.asked = append(p.asked, organisations)
	if p.fault != nil {
		return nil, nil, p.fault
	}
	for _, o := range organisations {
		if p.away[o] {
			return nil, nil, &ledger.Error{Step: "endorse", Kind: ledger.ErrUnavailable, Err: errors.New(o + " is away")}
		}
	}
	if p.garbage != "" && len(organisations) > 1 {
		return nil, nil, &ledger.Error{Step: "endorse", Kind: ledger.ErrUnavailable, Err: errors.New("not of one mind")}
	}
	var request ledger.AttestRequest
	if function != "anchors:Attest" {
		return nil, nil, errors.New("unexpected function " + function)
	}
	if err := json.Unmarshal([]byte(args[0]), &request); err != nil {
		return nil, nil, err
	}
	if slices.Contains(request.Devices, p.unknown) {
		return nil, nil, &ledger.Error{Step: "endorse", Kind: ledger.ErrNotFound, Err: record.Errorf(record.NotFound, "no such device")}
	}
	envelope := p.w.Attest(world.Question{
		Stream: request.Stream, From: request.From, To: request.To, Devices: request.Devices, By: p.w.Peers(organisations...),
		OnCall: func(c *world.Call) {
			if organisations[0] == p.garbage {
				c.Response.Payload = []byte("garbage")
			}
		},
	})
	return envelope, nil, nil
}

func (p *peers) BlockOf(_ context.Context, tx string) ([]byte, error) {
	p.blocks[tx]++
	block, there := p.w.BlockOf(tx)
	if !there {
		return nil, ledger.ErrNotFound
	}
	return block.Bytes(p.t), nil
}

func (p *peers) ConfigBlock(context.Context) ([]byte, error) { return nil, ledger.ErrUnavailable }

// scene is a device, a stream and one batch.
type scene struct {
	*peers
	device, stream name.Name
	batch          *world.Batch
}

func newScene(t *testing.T) *scene {
	t.Helper()
	w := world.New(t, 0)
	s := &scene{
		peers:  &peers{t: t, w: w, away: map[string]bool{}, blocks: map[string]int{}},
		device: name.New("Org1MSP", "pump-1"), stream: name.New("Org1MSP", "bridge-1"),
	}
	w.Open(s.stream, world.EdDSA(t, "bridge").Key())
	w.Register(s.device, world.EdDSA(t, "pump").Key())
	w.Pass(world.Minute)
	s.batch = w.Anchor(s.stream, world.EdDSA(t, "bridge"), world.Reading(t, world.EdDSA(t, "pump"), s.device, 1, w.Clock))
	return s
}

func (s *scene) statement(t *testing.T) []byte {
	return s.batch.Proof(t, 0, receipt.Evidence{}).Statement(t)
}

func (s *scene) evidence(t *testing.T) (receipt.Evidence, error) {
	t.Helper()
	parsed, err := receipt.ParseStatement(s.statement(t))
	require.NoError(t, err)
	return online.Evidence(t.Context(), s.peers, s.w.Trust, parsed)
}

func (s *scene) verify(t *testing.T, e receipt.Evidence) *audit.Report {
	t.Helper()
	v, err := audit.NewVerifier(s.w.Trust, audit.Requirement{})
	require.NoError(t, err)
	return v.Verify(s.statement(t), e)
}

func TestTheEvidenceOfTheLedgerProvesAStatement(t *testing.T) {
	s := newScene(t)
	e, err := s.evidence(t)
	require.NoError(t, err)
	r := s.verify(t, e)
	require.NoError(t, r.Err())
	require.Equal(t, []string{"Org1MSP", "Org2MSP", "Org3MSP"}, r.AttestedBy)
	require.True(t, r.Has(audit.Ordered))
	require.Len(t, s.asked, 1, "all organisations are asked at once")
	require.Len(t, s.blocks, 1, "nothing changed since: the anchor's block is enough")
}

func TestAnOrganisationThatIsAwayDoesNotSilenceTheOthers(t *testing.T) {
	s := newScene(t)
	s.away["Org3MSP"] = true
	e, err := s.evidence(t)
	require.NoError(t, err)
	require.Len(t, e.Attestations, 2)
	r := s.verify(t, e)
	require.NoError(t, r.Err())
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, r.AttestedBy)

	s.away["Org1MSP"], s.away["Org2MSP"] = true, true
	_, err = s.evidence(t)
	require.ErrorIs(t, err, ledger.ErrUnavailable)
}

func TestAnOrganisationThatSignsGarbageDoesNotRefuteWhatTheOthersProve(t *testing.T) {
	s := newScene(t)
	s.garbage = "Org3MSP"
	e, err := s.evidence(t)
	require.NoError(t, err)
	require.Len(t, e.Attestations, 2)
	r := s.verify(t, e)
	require.NoError(t, r.Err())
	require.Equal(t, []string{"Org1MSP", "Org2MSP"}, r.AttestedBy)
}

func TestAnAnswerThatIsTheSameForAllIsNotAskedForAgain(t *testing.T) {
	s := newScene(t)
	s.fault = &ledger.Error{Step: "endorse", Kind: ledger.ErrNotFound, Err: record.Errorf(record.NotFound, "no such batch")}
	_, err := s.evidence(t)
	require.ErrorIs(t, err, ledger.ErrNotFound)
	for _, organisations := range s.asked {
		require.Len(t, organisations, 3, "all at once")
	}
	require.Len(t, s.asked, 2, "about the batch with the device, and about the batch")
}

func TestADeviceThatIsNotRegisteredDoesNotHideTheBatch(t *testing.T) {
	s := newScene(t)
	s.unknown = s.device
	e, err := s.evidence(t)
	require.NoError(t, err)
	r := s.verify(t, e)
	require.True(t, r.Has(audit.Received))
	require.True(t, r.Has(audit.Attested))
	require.False(t, r.OK)
	require.False(t, r.Refuted())
	require.Contains(t, r.Check(audit.ReadingKey).Detail, "no attestation holds the record of device")
}

func TestTheBlocksOfLaterChangesSettleTheirOrder(t *testing.T) {
	s := newScene(t)
	// Two changes after the batch: the position of the last is in the attestation, that of the first is not.
	suspended := s.w.ChangeDeviceAt(s.device, "devices:Suspend", s.batch.Entry.LedgerTime-world.Second, func(d *record.Device, now record.Moment) {
		d.Suspensions = append(d.Suspensions, record.Period{From: now})
		d.Status = record.Suspended
	})
	s.w.Pass(world.Minute)
	last := s.w.ChangeDevice(s.device, "devices:SetAttributes", func(d *record.Device, _ record.Moment) { d.DeviceType = "pump" })
	e, err := s.evidence(t)
	require.NoError(t, err)
	require.Contains(t, s.blocks, suspended.Tx)
	require.Contains(t, s.blocks, last.Tx)
	// A block that holds it later does not say that it was not earlier as well, so that the date counts.
	require.ErrorContains(t, s.verify(t, e).Err(), "reading.standing: device Org1MSP/pump-1 was suspended by its owner")
}

func TestABlockOfAnEarlierChangeSettlesThatItWasEarlier(t *testing.T) {
	s := newScene(t)
	suspended := s.w.ChangeDeviceAt(s.device, "devices:Suspend", s.w.Clock+world.Hour, func(d *record.Device, now record.Moment) {
		d.Suspensions = append(d.Suspensions, record.Period{From: now})
		d.Status = record.Suspended
	})
	s.batch = s.w.Anchor(s.batch.Anchor.Stream, s.batch.Signer, s.batch.Readings...)
	s.w.ChangeDevice(s.device, "devices:SetAttributes", func(d *record.Device, _ record.Moment) { d.DeviceType = "pump" })
	require.NoError(t, s.verify(t, world.Attested(s.w.Attest(s.batch.About(s.device)))).Err(), "by the dates alone")
	e, err := s.evidence(t)
	require.NoError(t, err)
	require.Contains(t, s.blocks, suspended.Tx)
	require.ErrorContains(t, s.verify(t, e).Err(), "reading.standing: device Org1MSP/pump-1 was suspended by its owner")
}
