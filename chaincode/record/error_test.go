// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

func TestErrorsSurviveTheWayToTheClient(t *testing.T) {
	for _, code := range record.Codes() {
		for _, field := range []string{"", "id", "devices[3].id", "attributes.a:b", `we"ird: x`, "field=", "ä\n"} {
			sent := &record.Error{Code: code, Field: field, Message: `device "a": with: colons field=x: y`}
			got, ok := record.ParseError(sent.Error())
			require.True(t, ok, sent.Error())
			require.Equal(t, sent, got)
			require.Equal(t, code, record.CodeOf(fmt.Errorf("wrapped: %w", sent)))
		}
	}
	for _, text := range []string{
		"could not launch chaincode", "SOMETHING: else", "NOT_FOUND", "NOT_FOUND field=x", `NOT_FOUND field="x: y`, `NOT_FOUND field="x"`,
		"NOT_FOUNDER: x", "NOT_FOUND other=x: y",
	} {
		_, ok := record.ParseError(text)
		require.False(t, ok, text)
	}
	require.Equal(t, record.Internal, record.CodeOf(errors.New("other")))
	require.Empty(t, record.CodeOf(nil))
}

func TestAnErrorReadsWellWhereItIsPrinted(t *testing.T) {
	e := &record.Error{Code: record.InvalidArgument, Field: "devices[3].id", Message: "is required"}
	require.Equal(t, "INVALID_ARGUMENT field=devices[3].id: is required", e.Error())
	require.Equal(t, "NOT_FOUND: no such device", record.Errorf(record.NotFound, "no such %s", "device").Error())
}

func TestAnErrorSaysWhichElementOfAListIsToBlame(t *testing.T) {
	for field, want := range map[string]int{"devices[3].id": 3, "devices[0]": 0, "chain[12]": 12, "id": -1, "": -1, "a[x]": -1, "a[-1]": -1, "a[1": -1} {
		i, found := (&record.Error{Field: field}).Index()
		require.Equal(t, want >= 0, found, field)
		if found {
			require.Equal(t, want, i)
		}
	}
}

func TestAFaultIsNamedByItsWholePath(t *testing.T) {
	inner := record.CheckName("id", "no good")
	for _, c := range []struct {
		err   error
		field string
	}{
		{inner, "id"},
		{fmt.Errorf("anchor: %w", inner), "id"},
		{record.Within("devices[3]", inner), "devices[3].id"},
		{record.Within("devices[3]", errors.New("x")), "devices[3]"},
		{errors.New("x"), ""},
	} {
		e := record.Invalid(c.err)
		require.Equal(t, record.InvalidArgument, e.Code)
		require.Equal(t, c.field, e.Field)
	}
	require.NoError(t, record.Within("x", nil))
	refused := record.Refused(record.NotFound, "devices[1]", record.Errorf(record.NotFound, "not there"))
	require.Equal(t, &record.Error{Code: record.NotFound, Field: "devices[1]", Message: "not there"}, refused)
	refused = record.Refused(record.InvalidArgument, "devices[1]", record.Invalid(inner))
	require.Equal(t, "devices[1].id", refused.Field)
}

func FuzzParseError(f *testing.F) {
	f.Add("NOT_FOUND: x")
	f.Add(`INVALID_ARGUMENT field="a\"b": x`)
	f.Add("TOO_LARGE field=pageSize: x: y")
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := record.ParseError(text)
		if !ok {
			return
		}
		again, ok := record.ParseError(e.Error())
		require.True(t, ok)
		require.Equal(t, e, again)
	})
}
