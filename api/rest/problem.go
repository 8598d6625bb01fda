// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
)

// Codes beside the chaincode's own. They are as stable as those.
const (
	codeUnauthenticated  record.Code = "UNAUTHENTICATED"
	codeUnknownPath      record.Code = "UNKNOWN_PATH"
	codeMethodNotAllowed record.Code = "METHOD_NOT_ALLOWED"
	codeTooLarge         record.Code = "TOO_LARGE"
	codeTooSlow          record.Code = "TOO_SLOW"
	codeMediaType        record.Code = "UNSUPPORTED_MEDIA_TYPE"
	codeMisdirected      record.Code = "MISDIRECTED"
	codeBusy             record.Code = "BUSY"
	codeUnavailable      record.Code = "UNAVAILABLE"
	codeTimeout          record.Code = "TIMEOUT"
	codeRefused          record.Code = "LEDGER_REFUSED"
)

// statusGone is for the log: the caller did not wait for its answer.
const statusGone = 499

// A problem is an error as it is answered: RFC 9457, with the code as an extension. Its type is
// about:blank, so its title is that of its status.
type problem struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail"`
	Code   record.Code `json:"code"`
	// Field is the part of a request of the chaincode that it refuses, by its path.
	Field string `json:"field,omitempty"`

	challenge string // of a 401
	retry     string // seconds, of a 503
	allow     string // of a 405
}

// Error returns code and detail.
func (p *problem) Error() string { return fmt.Sprintf("%s: %s", p.Code, p.Detail) }

// badRequest is a problem with a part of the request.
func badRequest(format string, args ...any) *problem {
	return &problem{Status: http.StatusBadRequest, Code: record.InvalidArgument, Detail: fmt.Sprintf(format, args...)}
}

// refusalStatus is the status of a refusal by the chaincode.
func refusalStatus(code record.Code) int {
	switch code {
	case record.NotFound:
		return http.StatusNotFound
	case record.Forbidden:
		return http.StatusForbidden
	case record.InvalidArgument:
		return http.StatusBadRequest
	case record.AlreadyExists, record.Conflict, record.Equivocation:
		return http.StatusConflict
	default:
		return http.StatusBadGateway
	}
}

// refused passes a refusal by the chaincode on.
func refused(r *record.Error) *problem {
	p := &problem{Status: refusalStatus(r.Code), Code: r.Code, Detail: r.Message, Field: r.Field}
	if r.Field != "" {
		p.Detail = fmt.Sprintf("%q: %s", r.Field, r.Message)
	}
	return p
}

// problemOf finds the answer for an error. What the chaincode says is passed on; what the network
// says names machines and is for the log only.
func problemOf(ctx context.Context, err error) *problem {
	var p *problem
	var refusal *record.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refusal):
		return refused(refusal)
	case errors.Is(ctx.Err(), context.Canceled):
		return &problem{Status: statusGone, Code: codeTimeout, Detail: "the caller went away"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &problem{Status: http.StatusGatewayTimeout, Code: codeTimeout, Detail: "the ledger did not answer in time"}
	case ledger.Passing(err):
		return &problem{Status: http.StatusServiceUnavailable, Code: codeUnavailable, Detail: "the ledger cannot be reached now; try again", retry: "5"}
	case errors.Is(err, ledger.ErrDenied), errors.Is(err, ledger.ErrConfig):
		return &problem{Status: http.StatusBadGateway, Code: codeRefused, Detail: "the ledger does not serve this service as it is set up; its log says why"}
	default:
		return &problem{Status: http.StatusBadGateway, Code: record.Internal, Detail: "the ledger's answer could not be used; this service's log says why"}
	}
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	h := w.Header()
	for name, value := range map[string]string{"WWW-Authenticate": p.challenge, "Retry-After": p.retry, "Allow": p.allow} {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	// An error is the caller's, who went away.
	_ = json.NewEncoder(w).Encode(p)
}
