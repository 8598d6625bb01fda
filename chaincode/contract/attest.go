// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// attest handles Attest: what an auditor needs of a stream, a run of its anchors and devices, read
// from one state. Peers that are at the same state give the same bytes, and so can sign them together.
func attest(tx *transaction, req call.AttestRequest) (record.Attestation, error) {
	ledger, err := tx.ledgerName()
	if err != nil {
		return record.Attestation{}, err
	}
	a := record.Attestation{
		Type: record.AttestationType, Version: record.Version, Ledger: ledger, Nonce: req.Nonce,
		Anchors: []record.AnchorEntry{}, Devices: []record.Device{},
	}
	if a.Stream, err = tx.stream(req.Stream); err != nil {
		return record.Attestation{}, err
	}
	if a.Head, err = tx.head(req.Stream); err != nil {
		return record.Attestation{}, err
	}
	for number := req.From; number != 0 && number <= req.To; number++ {
		entry, err := tx.anchor(req.Stream, number)
		if err != nil {
			return record.Attestation{}, err
		}
		a.Anchors = append(a.Anchors, entry)
	}
	for i, n := range req.Devices {
		d, err := tx.device(n)
		if err != nil {
			return record.Attestation{}, record.Refused(record.CodeOf(err), fmt.Sprintf("devices[%d]", i), err)
		}
		a.Devices = append(a.Devices, d)
	}
	if a.Equivocations, err = tx.reports(req); err != nil {
		return record.Attestation{}, err
	}
	return a, sendable(a)
}

// sendable refuses an attestation that is larger than its readers take.
func sendable(a record.Attestation) error {
	data, err := record.Encode(a)
	if err != nil {
		return err
	}
	if len(data) > record.MaxDocument {
		return record.Errorf(record.TooLarge, "the attestation has %d bytes, more than %d; ask for fewer devices or anchors", len(data), record.MaxDocument)
	}
	return nil
}

// reports reads evidence against the stream, at most record.MaxAttestedReports, by ascending number:
// what concerns the anchors that are asked for before anything else, then the lowest numbers.
func (tx *transaction) reports(req call.AttestRequest) ([]record.EquivocationReport, error) {
	reports := []record.EquivocationReport{}
	for number := req.From; number != 0 && number <= req.To; number++ {
		if err := tx.collectReports(&reports, req.Stream, record.Number(number)); err != nil {
			return nil, err
		}
	}
	if err := tx.collectReports(&reports, req.Stream); err != nil {
		return nil, err
	}
	slices.SortFunc(reports, func(a, b record.EquivocationReport) int {
		return strings.Compare(record.EquivocationKey(a), record.EquivocationKey(b))
	})
	return reports, nil
}

// collectReports appends the evidence under a partial key that is not among the reports yet, as long
// as there is room.
func (tx *transaction) collectReports(reports *[]record.EquivocationReport, stream name.Name, number ...string) error {
	rows, err := tx.stub.GetStateByPartialCompositeKey(record.EquivocationObject, append([]string{stream.Owner, stream.ID}, number...))
	if err != nil {
		return record.Errorf(record.Internal, "read the evidence against stream %s: %v", stream, err)
	}
	defer rows.Close() //nolint:errcheck // the peer frees it at the end of the transaction anyway
	for len(*reports) < record.MaxAttestedReports && rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return record.Errorf(record.Internal, "read the evidence against stream %s: %v", stream, err)
		}
		var report record.EquivocationReport
		if err := decodeState(row.GetKey(), row.GetValue(), &report); err != nil {
			return err
		}
		known := slices.ContainsFunc(*reports, func(r record.EquivocationReport) bool {
			return record.EquivocationKey(r) == row.GetKey()
		})
		if !known && record.EquivocationKey(report) == row.GetKey() {
			*reports = append(*reports, report)
		}
	}
	return nil
}
