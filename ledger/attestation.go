// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
)

// AttestRequest asks what the ledger has of a stream, a run of its anchors, and devices.
type AttestRequest = call.AttestRequest

// Attest asks one peer for an attestation. Nobody signs it: it is as good as that peer. For one that
// peers of several organisations sign, have the same call endorsed.
func (c *Client) Attest(ctx context.Context, r AttestRequest) (record.Attestation, error) {
	const function = "anchors:Attest"
	request, err := json.Marshal(r)
	if err != nil {
		return record.Attestation{}, fmt.Errorf("ledger: encode request of %s: %w", function, err)
	}
	answer, err := c.Evaluate(ctx, function, string(request))
	if err != nil {
		return record.Attestation{}, err
	}
	a, err := record.ParseAttestation(answer)
	if err == nil && (a.Nonce != r.Nonce || a.Stream.Name() != r.Stream) {
		err = errors.New("the answer is to another request")
	}
	if err != nil {
		return record.Attestation{}, &Error{Step: "read answer of " + function, Kind: ErrChaincode, Err: err}
	}
	return a, nil
}
