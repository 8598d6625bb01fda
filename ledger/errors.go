// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/chaincode/record"
)

// What can be wrong, by what to do about it. Every error of this package wraps exactly one of
// these.
var (
	// ErrConfig: a file, name or address is wrong. Mend it; trying again does not help.
	ErrConfig = errors.New("ledger: configuration")
	// ErrDenied: the network does not accept our identity, or not for this.
	ErrDenied = errors.New("ledger: access denied")
	// ErrUnavailable: the network cannot serve us now. Nothing was written; try again.
	ErrUnavailable = errors.New("ledger: unavailable")
	// ErrUnknownOutcome: the transaction may or may not have been committed. Submit the same
	// bytes again.
	ErrUnknownOutcome = errors.New("ledger: outcome unknown")
	// ErrInvalidated: the transaction is in a block and was found invalid; it wrote nothing. A
	// new proposal may succeed.
	ErrInvalidated = errors.New("ledger: transaction invalidated")
	// ErrRejected: the ordering service does not take the transaction as it is, for example because
	// the certificate that signed it has expired since. Whether it took the same transaction before
	// is unknown; a new proposal of something idempotent is safe.
	ErrRejected = errors.New("ledger: transaction rejected by the ordering service")
)

// The chaincode's refusals, by code. They are final for the request as it is; the *record.Error
// behind them says why.
var (
	ErrNotFound        = errors.New("ledger: not found")
	ErrAlreadyExists   = errors.New("ledger: already exists")
	ErrForbidden       = errors.New("ledger: forbidden")
	ErrInvalidArgument = errors.New("ledger: invalid argument")
	ErrConflict        = errors.New("ledger: conflict")
	ErrEquivocation    = errors.New("ledger: equivocation")
	ErrTooLarge        = errors.New("ledger: too large; ask for less")
	ErrChaincode       = errors.New("ledger: chaincode failed")
)

// An Error is a failed call: which step, for which transaction, and what kind of failure.
type Error struct {
	Step string // for example "endorse devices:Register"
	TxID string // empty when no transaction was made
	Kind error  // one of the sentinels of this package
	Err  error  // what Fabric or the chaincode said
}

// Error names step, transaction and cause.
func (e *Error) Error() string {
	if e.TxID == "" {
		return fmt.Sprintf("%v: %s: %v", e.Kind, e.Step, e.Err)
	}
	return fmt.Sprintf("%v: %s, transaction %s: %v", e.Kind, e.Step, e.TxID, e.Err)
}

// Unwrap gives both the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// Passing reports whether trying the same again can succeed without anybody mending anything.
func Passing(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrInvalidated)
}

// classify decides on the details, never on the code alone: Aborted and Unavailable cover both
// passing and lasting faults.
func classify(step, txID string, err error) error {
	if err == nil {
		return nil
	}
	said := describe(err)
	for _, s := range said {
		if refusal, ok := refusalIn(s); ok {
			return &Error{Step: step, TxID: txID, Kind: refusalKind(refusal.Code), Err: refusal}
		}
	}
	text := strings.Join(said, "; ")
	if asked := new(client.CommitStatusError); errors.As(err, &asked) {
		text += "; the transaction was submitted and may be in a block"
	}
	return &Error{Step: step, TxID: txID, Kind: kindOf(err, text), Err: errors.New(text)}
}

// What Fabric v3 and gRPC say (core/endorser, core/handlers/auth, core/chaincode/lifecycle,
// internal/pkg/gateway), by what it means for us.
var (
	// The server's certificate, or ours, does not fit the CAs that the two sides trust. gRPC
	// reports it as Unavailable, as if it passed.
	untrusted = []string{
		"x509:", "certificate signed by unknown authority", "tls: first record does not look like a TLS handshake",
		"tls: bad certificate", "tls: unknown certificate", "tls: certificate required", "tls: failed to verify certificate",
	}
	denied = []string{"access denied", "identity expired", "creator org unknown"}
	// A chaincode definition that changed, is not approved yet or not installed yet is not among
	// these: an upgrade passes.
	misconfigured = []string{"incorrect timestamp", "could not get chaincode definition for", "channel does not exist"}
	rejected      = "received unsuccessful response from orderer"
)

func kindOf(err error, text string) error {
	has := func(parts []string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
	}
	var submit *client.SubmitError
	var commit *client.CommitStatusError
	code := status.Code(err)
	switch {
	case has(untrusted):
		return ErrConfig
	case has(denied), code == codes.PermissionDenied, code == codes.Unauthenticated:
		return ErrDenied
	case has(misconfigured):
		return ErrConfig
	case errors.As(err, &submit) && strings.Contains(text, rejected):
		return ErrRejected
	case errors.As(err, &submit), errors.As(err, &commit):
		return ErrUnknownOutcome
	}
	return ErrUnavailable
}

// describe lists the status text and the details of every endorser.
func describe(err error) []string {
	st, ok := status.FromError(err)
	if !ok {
		return []string{err.Error()}
	}
	if errors.Is(err, context.DeadlineExceeded) || st.Code() == codes.DeadlineExceeded {
		return []string{"no answer within the deadline: is the peer hung, or the network too slow?"}
	}
	said := []string{st.Message()}
	for _, d := range st.Details() {
		if d, ok := d.(*gateway.ErrorDetail); ok {
			said = append(said, fmt.Sprintf("%s (%s): %s", d.GetAddress(), d.GetMspId(), d.GetMessage()))
		}
	}
	return said
}

// refusalIn finds our chaincode's error in Fabric's text, which wraps it as
// "chaincode response 500, CODE field=x: message".
func refusalIn(text string) (*record.Error, bool) {
	const mark = "chaincode response 500, "
	_, rest, found := strings.Cut(text, mark)
	if !found {
		return nil, false
	}
	if e, ok := record.ParseError(rest); ok {
		return e, true
	}
	return &record.Error{Code: record.Internal, Message: rest}, true
}

func refusalKind(code record.Code) error {
	switch code {
	case record.NotFound:
		return ErrNotFound
	case record.AlreadyExists:
		return ErrAlreadyExists
	case record.Forbidden:
		return ErrForbidden
	case record.InvalidArgument:
		return ErrInvalidArgument
	case record.Conflict:
		return ErrConflict
	case record.Equivocation:
		return ErrEquivocation
	case record.TooLarge:
		return ErrTooLarge
	default:
		return ErrChaincode
	}
}
