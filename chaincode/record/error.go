// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Code says what kind of refusal an error is. Codes are stable: clients decide on them, never
// on the text that follows.
type Code string

// The codes. A response's message is "CODE: what happened and what to do", or with a field to blame
// "CODE field=path: what happened and what to do".
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
	// TooLarge: the answer would not fit into a message; ask for less.
	TooLarge Code = "TOO_LARGE"
	// Internal: the ledger or the chaincode failed; nothing was changed.
	Internal Code = "INTERNAL"
)

// Codes returns every code, in alphabetical order.
func Codes() []Code {
	return []Code{AlreadyExists, Conflict, Equivocation, Forbidden, Internal, InvalidArgument, NotFound, TooLarge}
}

// Error is a refusal by the chaincode.
type Error struct {
	Code Code
	// Field names the field of the request that is refused, by its path: "pageSize",
	// "devices[3].id". It is empty where none is to blame.
	Field   string
	Message string
}

// Error returns "CODE: message", or "CODE field=devices[3].id: message". It is what goes over the
// wire, and ParseError reads it back.
func (e *Error) Error() string {
	if e.Field == "" {
		return string(e.Code) + ": " + e.Message
	}
	return string(e.Code) + fieldMark + quoteField(e.Field) + ": " + e.Message
}

// Index returns the place of the element that is to blame in the list that the field is in, and
// false where the field is in none: 3 for "devices[3].id".
func (e *Error) Index() (int, bool) {
	_, rest, found := strings.Cut(e.Field, "[")
	text, _, closed := strings.Cut(rest, "]")
	i, err := strconv.Atoi(text)
	return i, found && closed && err == nil && i >= 0
}

// Errorf makes an Error with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid makes the InvalidArgument that err tells about. Where err is or wraps a Fault, it names
// the field.
func Invalid(err error) *Error {
	var f *Fault
	if errors.As(err, &f) {
		return &Error{Code: InvalidArgument, Field: f.Field, Message: f.Message}
	}
	return &Error{Code: InvalidArgument, Message: err.Error()}
}

// Refused makes an Error of a code for the sake of a field, or of the field within it that err, an
// Error or a Fault, names already.
func Refused(code Code, field string, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Code: code, Field: join(field, e.Field), Message: e.Message}
	}
	f := Invalid(Within(field, err))
	return &Error{Code: code, Field: f.Field, Message: f.Message}
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

// fieldMark stands between the code and the field of an Error's text.
const fieldMark = " field="

// plainField are the characters of a field that an Error's text has as they are.
const plainField = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]"

// quoteField writes a field so that it ends where ParseError thinks it ends. A caller chooses the
// names of the fields that it sends.
func quoteField(field string) string {
	if strings.Trim(field, plainField) == "" {
		return field
	}
	return strconv.Quote(field)
}

// ParseError reads the text of a chaincode's response back into an Error. It reports false when
// the text starts with none of the codes.
func ParseError(text string) (*Error, bool) {
	for _, known := range Codes() {
		rest, found := strings.CutPrefix(text, string(known))
		if !found {
			continue
		}
		if message, found := strings.CutPrefix(rest, ": "); found {
			return &Error{Code: known, Message: message}, true
		}
		if rest, found = strings.CutPrefix(rest, fieldMark); found {
			return parseField(known, rest)
		}
	}
	return nil, false
}

// parseField reads `field: message`, the field quoted or not.
func parseField(code Code, text string) (*Error, bool) {
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		field, err := strconv.Unquote(quoted)
		message, found := strings.CutPrefix(text[len(quoted):], ": ")
		return &Error{Code: code, Field: field, Message: message}, err == nil && found
	}
	field, message, found := strings.Cut(text, ": ")
	return &Error{Code: code, Field: field, Message: message}, found && field != "" && quoteField(field) == field
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

// Fault is what is wrong with one field of a request or record.
type Fault struct {
	// Field is the path of the field: "id", "devices[3].id"; empty for the whole.
	Field   string
	Message string
}

// Error returns `field "devices[3].id": message`.
func (f *Fault) Error() string {
	if f.Field == "" {
		return f.Message
	}
	return fmt.Sprintf("field %q: %s", f.Field, f.Message)
}

// Faultf makes a Fault with a formatted message.
func Faultf(field, format string, args ...any) error {
	return &Fault{Field: clip(field), Message: fmt.Sprintf(format, args...)}
}

// Within returns err as that of something within a field, or nil for nil: the fault of "id" within
// "devices[3]" is that of "devices[3].id".
func Within(field string, err error) error {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return &Fault{Field: join(field, f.Field), Message: f.Message}
	}
	return &Fault{Field: field, Message: err.Error()}
}

// clip shortens what a caller sent so that an error message stays readable.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
