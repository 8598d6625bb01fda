// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// invalid refuses a request for the sake of one field.
func invalid(field string, err error) error { return record.Invalid(record.Within(field, err)) }

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
		return 0, record.Invalid(record.Faultf(field, "must be a number within 0 and %d", uint64(record.MaxNumber)))
	}
	return n, nil
}

// parseName reads the name of a record, owner/id.
func parseName(field, text string) (name.Name, error) {
	n, err := name.Parse(text)
	if err != nil {
		return name.Name{}, invalid(field, err)
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
