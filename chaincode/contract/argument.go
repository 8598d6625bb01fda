// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/anchorline/anchorline/chaincode/record"
)

// maxToken is the length in characters of the longest key or token argument.
const maxToken = 4096

// checkReason reports whether s is a reason: text that is not empty.
func checkReason(field, s string) error {
	if s == "" {
		return missing(field)
	}
	return record.CheckText(field, s, record.MaxText)
}

// checkToken reports whether s can be a key or a token in base64url.
func checkToken(field, s string) error {
	if s == "" {
		return missing(field)
	}
	return record.CheckText(field, s, maxToken)
}

// optional checks s unless it is empty.
func optional(field, s string, check func(field, s string) error) error {
	if s == "" {
		return nil
	}
	return check(field, s)
}

// missing says that a required field is not there.
func missing(field string) error {
	return errors.New("field \"" + field + "\": is required")
}

// invalid refuses a request for the sake of one field.
func invalid(field string, err error) error {
	return record.Errorf(record.InvalidArgument, "field %q: %v", field, err)
}

// messageOf returns the text of an error without its code.
func messageOf(err error) string {
	var e *record.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// decodeBytes reads base64url without padding and in the one form there is: the decoder of the
// standard library would skip line breaks.
func decodeBytes(text string) ([]byte, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != text {
		return nil, errors.New("must be base64url without padding")
	}
	return data, nil
}

// parseNumber reads a number in decimal, without sign, spaces or leading zeros.
func parseNumber(field, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > record.MaxNumber || strconv.FormatUint(n, 10) != text {
		return 0, record.Errorf(record.InvalidArgument, "field %q: must be a number within 0 and %d", field, uint64(record.MaxNumber))
	}
	return n, nil
}

// digest returns SHA-256, in hexadecimal, of the canonical form of v.
func digest(v any) (string, error) {
	data, err := record.Encode(v)
	if err != nil {
		return "", err
	}
	return hexHash(data), nil
}
