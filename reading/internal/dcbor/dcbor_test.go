// SPDX-License-Identifier: Apache-2.0

package dcbor_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func TestTheOneEncodingIsAccepted(t *testing.T) {
	for name, encoded := range map[string]string{
		"zero":                        "00",
		"23 in the head":              "17",
		"24 in one byte":              "1818",
		"256 in two bytes":            "190100",
		"65536 in four bytes":         "1a00010000",
		"2^32 in eight bytes":         "1b0000000100000000",
		"-2^64":                       "3bffffffffffffffff",
		"empty byte string":           "40",
		"text beyond ASCII":           "62c3bc",
		"empty array":                 "80",
		"false and true":              "82f4f5",
		"keys in bytewise order":      "a4 01 00 1903e8 00 20 00 6161 00",
		"half float 1.5":              "f93e00",
		"half NaN":                    "f97e00",
		"half infinity":               "f97c00",
		"smallest half":               "f90001",
		"single float":                "fa47c35000",
		"double float":                "fb3ff199999999999a",
		"tagged text":                 "c06161",
		"big number beyond 64 bits":   "c249010000000000000000",
		"16 arrays around an integer": strings.Repeat("81", dcbor.MaxDepth) + "00",
	} {
		t.Run(name, func(t *testing.T) {
			raw := unhex(t, encoded)
			item, err := dcbor.Parse(raw)
			require.NoError(t, err)
			require.Equal(t, raw, item.Raw())
		})
	}
}

func TestEverythingElseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		encoded string
		want    error
	}{
		"nothing":                       {"", dcbor.ErrMalformed},
		"null":                          {"f6", dcbor.ErrMalformed},
		"null inside":                   {"a101f6", dcbor.ErrMalformed},
		"null as a key":                 {"a1f601", dcbor.ErrMalformed},
		"undefined":                     {"f7", dcbor.ErrMalformed},
		"unassigned simple value":       {"e0", dcbor.ErrMalformed},
		"simple value in two bytes":     {"f8ff", dcbor.ErrMalformed},
		"break alone":                   {"ff", dcbor.ErrNotCanonical},
		"trailing byte":                 {"0000", dcbor.ErrMalformed},
		"reserved information 28":       {"1c", dcbor.ErrMalformed},
		"head cut short":                {"19ff", dcbor.ErrMalformed},
		"23 in one byte":                {"1817", dcbor.ErrNotCanonical},
		"255 in two bytes":              {"1900ff", dcbor.ErrNotCanonical},
		"65535 in four bytes":           {"1a0000ffff", dcbor.ErrNotCanonical},
		"2^32-1 in eight bytes":         {"1b00000000ffffffff", dcbor.ErrNotCanonical},
		"-1 in one byte":                {"3800", dcbor.ErrNotCanonical},
		"string length in one byte":     {"580161", dcbor.ErrNotCanonical},
		"array length in one byte":      {"980100", dcbor.ErrNotCanonical},
		"tag in one byte":               {"d80100", dcbor.ErrNotCanonical},
		"indefinite byte string":        {"5f4100ff", dcbor.ErrNotCanonical},
		"indefinite text":               {"7f6161ff", dcbor.ErrNotCanonical},
		"indefinite array":              {"9f00ff", dcbor.ErrNotCanonical},
		"indefinite map":                {"bf0000ff", dcbor.ErrNotCanonical},
		"duplicate key":                 {"a201000100", dcbor.ErrMalformed},
		"keys out of order":             {"a202000100", dcbor.ErrNotCanonical},
		"keys shortest first, RFC 7049": {"a2 20 00 1903e8 00", dcbor.ErrNotCanonical},
		"map without its last value":    {"a101", dcbor.ErrMalformed},
		"text that is not UTF-8":        {"61ff", dcbor.ErrMalformed},
		"surrogate in text":             {"63eda080", dcbor.ErrMalformed},
		"string beyond the end":         {"4200", dcbor.ErrMalformed},
		"string of 2^64-1 bytes":        {"5bffffffffffffffff", dcbor.ErrMalformed},
		"array of 2^64-1 elements":      {"9bffffffffffffffff", dcbor.ErrMalformed},
		"map of 2^64-1 pairs":           {"bbffffffffffffffff", dcbor.ErrMalformed},
		"one level too deep":            {strings.Repeat("81", dcbor.MaxDepth+1) + "00", dcbor.ErrMalformed},
		"a million levels":              {strings.Repeat("81", 1<<20), dcbor.ErrMalformed},
		"single float that is a half":   {"fa3fc00000", dcbor.ErrNotCanonical},
		"double float that is a single": {"fb40f86a0000000000", dcbor.ErrNotCanonical},
		"minus zero as a double":        {"fb8000000000000000", dcbor.ErrNotCanonical},
		"NaN with a payload":            {"f97e01", dcbor.ErrNotCanonical},
		"NaN as a single":               {"fa7fc00000", dcbor.ErrNotCanonical},
		"NaN as a double":               {"fb7ff8000000000000", dcbor.ErrNotCanonical},
		"big number that is an integer": {"c24101", dcbor.ErrNotCanonical},
		"big number of leading zeros":   {"c2 4a 00 01000000000000000000", dcbor.ErrNotCanonical},
		"big number around an integer":  {"c201", dcbor.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dcbor.Parse(unhex(t, c.encoded))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestClaimedLengthsCostNoMemory(t *testing.T) {
	bomb := unhex(t, "9bffffffffffffffff")
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := dcbor.Parse(bomb); err == nil {
				b.Fatal("accepted")
			}
		}
	}).AllocedBytesPerOp()
	require.Less(t, allocated, int64(1024), "no more than the error itself")
}

func TestAValueIsReadOnlyAsWhatItIs(t *testing.T) {
	item, err := dcbor.Parse(unhex(t, "83 01 02 03"))
	require.NoError(t, err)
	_, err = item.Bytes()
	require.ErrorIs(t, err, dcbor.ErrMalformed, "an array of integers is not a byte string")

	item, err = dcbor.Parse(unhex(t, "c101"))
	require.NoError(t, err)
	_, err = item.Uint()
	require.ErrorIs(t, err, dcbor.ErrMalformed, "a tagged integer is not an integer")

	item, err = dcbor.Parse(unhex(t, "1bffffffffffffffff"))
	require.NoError(t, err)
	n, err := item.Uint()
	require.NoError(t, err)
	require.Equal(t, uint64(math.MaxUint64), n)
	_, err = item.Int()
	require.ErrorIs(t, err, dcbor.ErrMalformed, "2^64-1 has no int64")

	item, err = dcbor.Parse(unhex(t, "3b7fffffffffffffff"))
	require.NoError(t, err)
	lowest, err := item.Int()
	require.NoError(t, err)
	require.Equal(t, int64(math.MinInt64), lowest)

	_, err = dcbor.Item{}.Text()
	require.ErrorIs(t, err, dcbor.ErrMalformed, "the zero Item is nothing")
}

func TestAppendedHeadsAreTheEncodersHeads(t *testing.T) {
	for _, n := range []int64{0, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, math.MaxInt64} {
		for _, n := range []int64{n, -1 - n} {
			want, err := dcbor.Marshal(n)
			require.NoError(t, err)
			require.Equal(t, want, dcbor.AppendInt(nil, n))
			item, err := dcbor.Parse(want)
			require.NoError(t, err)
			read, err := item.Int()
			require.NoError(t, err)
			require.Equal(t, n, read)
		}
	}
}

// FuzzParse compares the scanner with an independent codec in both directions.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a401001903e80020006161 00", "fb3ff199999999999a", "c249010000000000000000", "8201f5", "d28443a10126a0f640"} {
		f.Add(unhex(f, seed))
	}
	decode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		MaxNestedLevels: 64, TimeTag: cbor.DecTagIgnored, BigIntDec: cbor.BigIntDecodePointer,
	}.DecMode()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, parseErr := dcbor.Parse(data)
		if parseErr == nil {
			require.NoError(t, cbor.Wellformed(data))
		}
		var value any
		if err := decode.Unmarshal(data, &value); err != nil {
			return // the other codec has limits of its own (map keys, tag contents)
		}
		again, err := dcbor.Marshal(value)
		if err != nil {
			return
		}
		if parseErr == nil && !hasTag(data) {
			require.Equal(t, data, again, "accepted what the encoder would not write")
		}
		if bytes.Equal(data, again) && parseErr != nil {
			require.ErrorIs(t, parseErr, dcbor.ErrMalformed, "refused as not canonical what the encoder writes")
		}
	})
}

// hasTag reports whether data may hold tags, which the other codec turns into Go values
// (times, URLs) that it writes differently.
func hasTag(data []byte) bool {
	for _, b := range data {
		if b>>5 == 6 {
			return true
		}
	}
	return false
}
