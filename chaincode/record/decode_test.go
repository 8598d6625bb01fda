// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
)

// sample has a field of every kind that records and requests use.
type sample struct {
	Text  string            `json:"text"`
	Count uint64            `json:"count"`
	Time  int64             `json:"time"`
	Flag  bool              `json:"flag"`
	Inner inner             `json:"inner"`
	Maybe *inner            `json:"maybe,omitempty"`
	List  []inner           `json:"list"`
	Table map[string]string `json:"table"`
	Free  json.RawMessage   `json:"free,omitempty"`
}

type inner struct {
	Name string `json:"name"`
}

func TestDecodeReadsEveryKindOfField(t *testing.T) {
	var s sample
	require.NoError(t, record.Decode([]byte(`{"text":"ä","count":9007199254740991,"time":0,"flag":true,
		"inner":{"name":"a"},"maybe":{"name":"b"},"list":[{"name":"c"}],"table":{"k":"v"},"free":{"a":[-1,"x",true]}}`), &s))
	require.Equal(t, "ä", s.Text)
	require.Equal(t, uint64(record.MaxNumber), s.Count)
	require.Equal(t, "b", s.Maybe.Name)
	require.Equal(t, []inner{{Name: "c"}}, s.List)
	require.JSONEq(t, `{"a":[-1,"x",true]}`, string(s.Free))
}

func TestDecodeRefusesAndNamesTheField(t *testing.T) {
	for name, c := range map[string]struct{ document, message string }{
		"nothing":                 {``, "empty"},
		"null":                    {`null`, "must not be null"},
		"an array":                {`[]`, "must be an object"},
		"a string":                {`"x"`, "must be an object"},
		"half a document":         {`{"text":`, "not a JSON document"},
		"trailing data":           {`{} {}`, "not a JSON document"},
		"invalid UTF-8":           {"{\"text\":\"\xff\"}", "UTF-8"},
		"half a surrogate pair":   {`{"text":"\ud800"}`, `"text"`},
		"a replacement character": {"{\"text\":\"\ufffd\"}", `"text"`},
		"an unknown field":        {`{"other":1}`, `"other": is unknown`},
		"a field in other case":   {`{"Text":"x"}`, `"Text": is unknown`},
		"a field twice":           {`{"text":"a","text":"b"}`, `"text": comes twice`},
		"an escaped field twice":  {`{"text":"a","\u0074ext":"b"}`, `"text": comes twice`},
		"a map key twice":         {`{"table":{"k":"a","k":"b"}}`, `"table.k": comes twice`},
		"null in a field":         {`{"text":null}`, `"text": must not be null`},
		"null for a pointer":      {`{"maybe":null}`, `"maybe": must not be null`},
		"null in a list":          {`{"list":[null]}`, `"list[0]": must not be null`},
		"null in free JSON":       {`{"free":{"a":null}}`, `"free.a": must not be null`},
		"a number for a string":   {`{"text":1}`, `"text": must be a string`},
		"a string for a number":   {`{"count":"1"}`, `"count": must be an integer`},
		"a number for a boolean":  {`{"flag":0}`, `"flag": must be true or false`},
		"a list for an object":    {`{"inner":[]}`, `"inner": must be an object`},
		"an object for a list":    {`{"list":{}}`, `"list": must be an array`},
		"a wrong type deep down":  {`{"list":[{"name":"a"},{"name":1}]}`, `"list[1].name"`},
		"a fraction":              {`{"count":1.5}`, `"count"`},
		"an exponent":             {`{"count":1e3}`, `"count"`},
		"a negative number":       {`{"time":-1}`, `"time"`},
		"negative zero":           {`{"time":-0}`, `"time"`},
		"a number beyond 2^53-1":  {`{"count":9007199254740992}`, `"count"`},
		"a number beyond 64 bits": {`{"count":99999999999999999999}`, `"count"`},
		"a fraction in free JSON": {`{"free":[1.5]}`, `"free[0]"`},
		"a duplicate in free":     {`{"free":{"a":1,"a":2}}`, `"free.a": comes twice`},
		"deep free JSON":          {`{"free":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "deep"},
		"a huge document":         {`{"text":"` + strings.Repeat("x", record.MaxDocument) + `"}`, "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var s sample
			err := record.Decode([]byte(c.document), &s)
			require.ErrorContains(t, err, c.message)
			require.Less(t, len(err.Error()), 300)
		})
	}
}

func TestDecodeRefusesATargetThatIsNoPointer(t *testing.T) {
	require.Error(t, record.Decode([]byte(`{}`), sample{}))
	require.Error(t, record.Decode([]byte(`{}`), nil))
}

// FuzzDecode holds that whatever Decode accepts has one canonical form, which it accepts too.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"text":"ä","count":1,"table":{"b":"","a":"\n"},"free":[{"x":-3}]}`))
	f.Add([]byte(`{"text":null}`))
	f.Add([]byte(`{"list":[{"name":"\u2028<>&"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first sample
		if record.Decode(data, &first) != nil {
			return
		}
		if first.Free == nil {
			first.Free = json.RawMessage("{}")
		}
		if first.List == nil {
			first.List = []inner{}
		}
		if first.Table == nil {
			first.Table = map[string]string{}
		}
		canonical, err := record.Encode(first)
		require.NoError(t, err)
		var second sample
		require.NoError(t, record.Decode(canonical, &second))
		again, err := record.Encode(second)
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(again))
	})
}
