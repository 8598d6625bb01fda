// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

var kinds = []error{
	ledger.ErrConfig, ledger.ErrDenied, ledger.ErrUnavailable, ledger.ErrUnknownOutcome, ledger.ErrInvalidated, ledger.ErrRejected,
	ledger.ErrNotFound, ledger.ErrAlreadyExists, ledger.ErrForbidden, ledger.ErrInvalidArgument, ledger.ErrConflict,
	ledger.ErrEquivocation, ledger.ErrTooLarge, ledger.ErrChaincode,
}

// The texts are those of Fabric v3.1 (core/endorser, core/handlers/auth, core/chaincode,
// internal/pkg/gateway, internal/peer/node) and of gRPC; the rows are those of
// docs' table of how gateway calls fail.
func TestEveryFailureOfTheGatewayIsOfOneKind(t *testing.T) {
	const notEnough = "failed to collect enough transaction endorsements, see attached details for more info"
	const toEndorse = "failed to endorse transaction, see attached details for more info"
	const toEvaluate = "failed to evaluate transaction, see attached details for more info"
	const noOrderer = "no orderers could successfully process transaction"
	for name, c := range map[string]struct {
		call    string
		err     error
		kind    error
		passing bool
	}{
		"peer down at endorse":               {"endorse", refusal(codes.Unavailable, "connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:7051: connect: connection refused\""), ledger.ErrUnavailable, true},
		"peer hung":                          {"endorse", refusal(codes.DeadlineExceeded, "endorsement timeout expired while collecting endorsements"), ledger.ErrUnavailable, true},
		"second organisation down":           {"endorse", refusal(codes.Aborted, notEnough, "rpc error: code = Unavailable desc = connection refused"), ledger.ErrUnavailable, true},
		"second organisation down for long":  {"endorse", refusal(codes.FailedPrecondition, "no combination of peers can be derived which satisfy the endorsement policy: no peer combination can satisfy the endorsement policy"), ledger.ErrUnavailable, true},
		"endorsers known but away":           {"endorse", refusal(codes.Unavailable, "failed to select a set of endorsers that satisfy the endorsement policy due to unavailability of peers: [{peer0 1 Org2MSP}]"), ledger.ErrUnavailable, true},
		"peer killed after submit":           {"status", refusal(codes.Unavailable, "error reading from server: EOF"), ledger.ErrUnknownOutcome, true},
		"status notifier closed":             {"status", refusal(codes.Aborted, "unexpected close of commit notification channel"), ledger.ErrUnknownOutcome, true},
		"orderer down at submit":             {"submit", refusal(codes.Unavailable, noOrderer, "rpc error: code = Unavailable desc = connection refused"), ledger.ErrUnknownOutcome, true},
		"orderer hung":                       {"submit", refusal(codes.DeadlineExceeded, "submit timeout expired while broadcasting to ordering service"), ledger.ErrUnknownOutcome, true},
		"no orderer known":                   {"submit", refusal(codes.Unavailable, "no orderer nodes available"), ledger.ErrUnknownOutcome, true},
		"orderer refuses the transaction":    {"submit", refusal(codes.Aborted, "received unsuccessful response from orderer: status=BAD_REQUEST, info=error applying config update"), ledger.ErrRejected, false},
		"status times out, transaction lost": {"status", refusal(codes.DeadlineExceeded, "context deadline exceeded"), ledger.ErrUnknownOutcome, true},
		"chaincode down":                     {"endorse", refusal(codes.Aborted, toEndorse, "error in simulation: failed to execute transaction: could not launch chaincode cc:1: connection to cc:1 failed"), ledger.ErrUnavailable, true},
		"chaincode panicked":                 {"endorse", refusal(codes.Aborted, toEndorse, "error in simulation: failed to execute transaction: chaincode stream terminated"), ledger.ErrUnavailable, true},
		"chaincode slow":                     {"endorse", refusal(codes.Aborted, toEndorse, "error in simulation: failed to execute transaction: timeout expired while executing transaction"), ledger.ErrUnavailable, true},
		"peers disagree":                     {"endorse", refusal(codes.Aborted, notEnough, "ProposalResponsePayloads do not match"), ledger.ErrUnavailable, true},
		"chaincode upgraded meanwhile":       {"endorse", refusal(codes.Aborted, toEndorse, "error in simulation: chaincode cache at sequence 2 but current sequence is 1, chaincode definition for 'cc' changed during invoke"), ledger.ErrUnavailable, true},
		"chaincode says no at endorse":       {"endorse", refusal(codes.Aborted, toEndorse, "chaincode response 500, NOT_FOUND: no device x; register it"), ledger.ErrNotFound, false},
		"the second endorser says no":        {"endorse", refusal(codes.Aborted, notEnough, "something", "chaincode response 500, CONFLICT: stream s expects number 4"), ledger.ErrConflict, false},
		"equivocation":                       {"endorse", refusal(codes.Aborted, toEndorse, "chaincode response 500, EQUIVOCATION: x"), ledger.ErrEquivocation, false},
		"exists":                             {"endorse", refusal(codes.Aborted, toEndorse, "chaincode response 500, ALREADY_EXISTS: x"), ledger.ErrAlreadyExists, false},
		"forbidden":                          {"endorse", refusal(codes.Aborted, toEndorse, "chaincode response 500, FORBIDDEN: x"), ledger.ErrForbidden, false},
		"invalid argument":                   {"endorse", refusal(codes.Aborted, toEndorse, "chaincode response 500, INVALID_ARGUMENT: x"), ledger.ErrInvalidArgument, false},
		"too large":                          {"evaluate", refusal(codes.Unknown, "evaluate call to endorser returned error: chaincode response 500, TOO_LARGE field=pageSize: x"), ledger.ErrTooLarge, false},
		"internal":                           {"endorse", refusal(codes.Aborted, toEndorse, "chaincode response 500, INTERNAL: GET_STATE failed"), ledger.ErrChaincode, false},
		"not our text":                       {"endorse", refusal(codes.Aborted, toEndorse, "chaincode response 500, Function f not found in contract c"), ledger.ErrChaincode, false},
		"chaincode says no at evaluate":      {"evaluate", refusal(codes.Unknown, "evaluate call to endorser returned error: chaincode response 500, NOT_FOUND: no device x", "chaincode response 500, NOT_FOUND: no device x"), ledger.ErrNotFound, false},
		"a refusal that mentions access":     {"evaluate", refusal(codes.Unknown, "evaluate call to endorser returned error: chaincode response 500, FORBIDDEN: access denied: x509: y"), ledger.ErrForbidden, false},
		"unknown CA at endorse":              {"endorse", refusal(codes.Aborted, toEndorse, "error validating proposal: access denied: channel [ch] creator org [Org1MSP]"), ledger.ErrDenied, false},
		"unknown MSP at evaluate":            {"evaluate", refusal(codes.FailedPrecondition, toEvaluate, "error validating proposal: access denied: channel [ch] creator org unknown, creator is malformed"), ledger.ErrDenied, false},
		"unknown CA at status":               {"status", refusal(codes.PermissionDenied, "implicit policy evaluation failed"), ledger.ErrDenied, false},
		"expired certificate at endorse":     {"endorse", refusal(codes.Aborted, toEndorse, "proposal client identity expired"), ledger.ErrDenied, false},
		"expired certificate at evaluate":    {"evaluate", refusal(codes.Unavailable, toEvaluate, "proposal client identity expired"), ledger.ErrDenied, false},
		"TLS CA not trusted":                 {"evaluate", refusal(codes.Unavailable, "connection error: desc = \"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority\""), ledger.ErrConfig, false},
		"no TLS at the other end":            {"evaluate", refusal(codes.Unavailable, "connection error: desc = \"transport: authentication handshake failed: tls: first record does not look like a TLS handshake\""), ledger.ErrConfig, false},
		"TLS broke off":                      {"evaluate", refusal(codes.Unavailable, "error reading from server: local error: tls: bad record MAC"), ledger.ErrUnavailable, true},
		"clock off":                          {"endorse", refusal(codes.Aborted, toEndorse, "request unauthorized due to incorrect timestamp 2020-01-01, peer time 2026-01-01, peer.authentication.timewindow 15m0s"), ledger.ErrConfig, false},
		"no such chaincode":                  {"evaluate", refusal(codes.Unknown, "evaluate call to endorser returned error: make sure the chaincode x has been successfully defined on channel ch and try again: could not get chaincode definition for 'x' on channel 'ch'"), ledger.ErrConfig, false},
		"too many calls":                     {"evaluate", refusal(codes.Unknown, "too many requests for gateway.Gateway, exceeding concurrency limit (500)"), ledger.ErrUnavailable, true},
		"too many submits":                   {"submit", refusal(codes.Unknown, "too many requests for gateway.Gateway, exceeding concurrency limit (500)"), ledger.ErrUnknownOutcome, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &peerless{fail: map[string][]error{c.call: {c.err}}}
			client := connect(t, serve(t, p))
			err := makes(t, client, c.call)
			require.Error(t, err)
			for _, kind := range kinds {
				require.Equal(t, errors.Is(c.kind, kind), errors.Is(err, kind), "%v: is it %v?", err, kind)
			}
			require.Equal(t, c.passing, ledger.Passing(err), "%v", err)
			var failed *ledger.Error
			require.ErrorAs(t, err, &failed)
			require.Contains(t, failed.Step, c.call)
		})
	}
}

// makes makes the call that a test names.
func makes(t *testing.T, c *ledger.Client, name string) error {
	t.Helper()
	ctx := t.Context()
	switch name {
	case "evaluate":
		_, err := c.Evaluate(ctx, "f")
		return err
	case "endorse":
		_, err := c.Prepare(ctx, "f")
		return err
	case "status":
		_, err := c.Status(ctx, "ab")
		return err
	default:
		p, err := c.Prepare(ctx, "f")
		require.NoError(t, err)
		_, err = c.Submit(ctx, p.Bytes)
		return err
	}
}

func TestARefusalIsReadWhole(t *testing.T) {
	p := &peerless{fail: map[string][]error{"evaluate": {refusal(codes.Unknown, "evaluate call to endorser returned error: chaincode response 500, CONFLICT: a; b; c: d")}}}
	_, err := connect(t, serve(t, p)).Evaluate(t.Context(), "f")
	var refused *record.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, record.Error{Code: record.Conflict, Message: "a; b; c: d"}, *refused)

	p = &peerless{fail: map[string][]error{"evaluate": {refusal(codes.Unknown, "chaincode response 500, INVALID_ARGUMENT field=devices[7].id: a: b")}}}
	_, err = connect(t, serve(t, p)).Evaluate(t.Context(), "f")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, record.Error{Code: record.InvalidArgument, Field: "devices[7].id", Message: "a: b"}, *refused)
}

func TestAnInvalidTransactionSaysWhyAndWhere(t *testing.T) {
	p := &peerless{code: peer.TxValidationCode_MVCC_READ_CONFLICT}
	c := connect(t, serve(t, p))
	prepared, err := c.Prepare(t.Context(), "f", "x")
	require.NoError(t, err)
	require.Equal(t, "endorsed", string(prepared.Result))
	_, err = c.Submit(t.Context(), prepared.Bytes)
	require.ErrorIs(t, err, ledger.ErrInvalidated)
	require.ErrorContains(t, err, "MVCC_READ_CONFLICT")
	require.ErrorContains(t, err, "block 7")
	require.ErrorContains(t, err, prepared.TxID)
}

func TestTheSameBytesCanBeSubmittedByAnotherClient(t *testing.T) {
	p := &peerless{}
	profile := serve(t, p)
	prepared, err := connect(t, profile).Prepare(t.Context(), "f")
	require.NoError(t, err)
	commit, err := connect(t, profile).Submit(t.Context(), prepared.Bytes)
	require.NoError(t, err)
	require.Equal(t, ledger.Commit{TxID: prepared.TxID, Block: 7}, commit)
	_, err = connect(t, profile).Submit(t.Context(), nil)
	require.Error(t, err, "no bytes are no transaction")
}

func TestTransactTriesAgainAfterWhatPasses(t *testing.T) {
	away := refusal(codes.Unavailable, "away")
	p := &peerless{fail: map[string][]error{"endorse": {away, nil}}}
	result, commit, err := connect(t, serve(t, p)).Transact(t.Context(), "f")
	require.NoError(t, err)
	require.Equal(t, "endorsed", string(result))
	require.EqualValues(t, 7, commit.Block)
	require.Equal(t, []string{"endorse", "endorse", "submit", "status"}, p.made())
}

func TestTransactSubmitsTheSameTransactionWhileItsOutcomeIsUnknown(t *testing.T) {
	away := refusal(codes.Unavailable, "away")
	for call, made := range map[string][]string{
		"submit": {"endorse", "submit", "submit", "status"},
		"status": {"endorse", "submit", "status", "submit", "status"},
	} {
		t.Run(call, func(t *testing.T) {
			p := &peerless{fail: map[string][]error{call: {away, nil}}}
			result, _, err := connect(t, serve(t, p)).Transact(t.Context(), "f")
			require.NoError(t, err)
			require.Equal(t, "endorsed", string(result))
			require.Equal(t, made, p.made())
		})
	}
}

func TestAStatusThatCannotBeAskedSaysThatTheTransactionMayBeCommitted(t *testing.T) {
	p := &peerless{fail: map[string][]error{"status": {refusal(codes.PermissionDenied, "access denied")}}}
	_, _, err := connect(t, serve(t, p)).Transact(t.Context(), "f")
	require.ErrorIs(t, err, ledger.ErrDenied)
	require.ErrorContains(t, err, "may be in a block")
}

func TestTransactDoesNotRepeatARefusal(t *testing.T) {
	p := &peerless{fail: map[string][]error{"endorse": {refusal(codes.Aborted, "x", "chaincode response 500, FORBIDDEN: no")}}}
	_, _, err := connect(t, serve(t, p)).Transact(t.Context(), "f")
	require.ErrorIs(t, err, ledger.ErrForbidden)
	require.Len(t, p.made(), 1)
}

func TestACallEndsWithItsContext(t *testing.T) {
	p := &peerless{fail: map[string][]error{"endorse": {refusal(codes.Unavailable, "away")}}}
	c := connect(t, serve(t, p))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := c.Transact(ctx, "f")
	require.Error(t, err)
	require.LessOrEqual(t, len(p.made()), 1)
}
