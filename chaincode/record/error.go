// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of refusal an error is. Codes are stable: clients decide on them, never
// on the text that follows.
type Code string

// The codes. A response's message is "CODE: what happened and what to do".
const (
	// NotFound: the ledger has no such record.
	NotFound Code = "NOT_FOUND"
	// AlreadyExists: a record of this name exists with other content.
	AlreadyExists Code = "ALREADY_EXISTS"
	// Forbidden: the caller may not do this.
	Forbidden Code = "FORBIDDEN"
	// InvalidArgument: the request is malformed; the message names the field.
	InvalidArgument Code = "INVALID_ARGUMENT"
	// Conflict: the request does not fit the present state; the message says what is expected.
	Conflict Code = "CONFLICT"
	// Equivocation: the stream already anchored something else under this number.
	Equivocation Code = "EQUIVOCATION"
	// Internal: the ledger or the chaincode failed; nothing was changed.
	Internal Code = "INTERNAL"
)

// Codes returns every code, in alphabetical order.
func Codes() []Code {
	return []Code{AlreadyExists, Conflict, Equivocation, Forbidden, Internal, InvalidArgument, NotFound}
}

// Error is a refusal by the chaincode. Its text is "CODE: message".
type Error struct {
	Code    Code
	Message string
}

// Error returns "CODE: message".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf makes an Error with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the Error that err is or wraps, Internal for any other error and
// "" for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	default:
		return Internal
	}
}

// ParseError reads the text of a chaincode's response back into an Error. It reports false when
// the text starts with none of the codes.
func ParseError(text string) (*Error, bool) {
	code, message, found := strings.Cut(text, ": ")
	if !found {
		return nil, false
	}
	for _, known := range Codes() {
		if code == string(known) {
			return &Error{Code: known, Message: message}, true
		}
	}
	return nil, false
}

// First returns the first error that is not nil: a refusal names one field, always the same.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fault says what is wrong with a field.
func fault(field, format string, args ...any) error {
	return fmt.Errorf("field %q: %s", clip(field), fmt.Sprintf(format, args...))
}

// clip shortens what a caller sent so that an error message stays readable.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
