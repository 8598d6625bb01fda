// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/record"
)

// requestFields are the fields of a request, those of an embedded struct among them.
func requestFields(of reflect.Type) (fields []reflect.StructField) {
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			fields = append(fields, requestFields(field.Type)...)
			continue
		}
		fields = append(fields, field)
	}
	return fields
}

func TestEveryRequestIsReadStrictlyAndTheFieldNamed(t *testing.T) {
	w := newWorld(t)
	for _, f := range contract.Functions() {
		request := f.Request
		if request == nil {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			refused := func(document, says string) {
				t.Helper()
				require.Contains(t, w.refused(record.InvalidArgument, w.admin1, f.Name(), document), says)
			}
			refused(``, "empty")
			refused(`null`, "null")
			refused(`[]`, "object")
			refused(`"text"`, "object")
			refused(`{"other":1}`, `field=other:`)
			refused(`{} {}`, "JSON")
			refused(`{"id":"`+"\ufffd"+`"}`, `field=id:`)
			refused(strings.Repeat(" ", record.MaxDocument)+`{}`, "bytes")
			for _, field := range requestFields(reflect.TypeOf(request)) {
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				refused(fmt.Sprintf(`{%q:null}`, name), fmt.Sprintf("field=%s: must not be null", name))
				refused(fmt.Sprintf(`{%q:1.5}`, name), fmt.Sprintf("field=%s: must be", name))
				refused(fmt.Sprintf(`{%q:1}`, strings.ToUpper(name)), "is unknown")
			}
		})
	}
}

func TestARequiredFieldThatIsMissingIsNamed(t *testing.T) {
	s := newStage(t)
	for _, p := range permissions() {
		function, variant, _ := strings.Cut(p.function, " ")
		request := requestOf(function)
		if request == nil || variant != "" {
			continue
		}
		whole := decodeObject(t, s.request(p.function, record.Active, "Org1MSP"))
		for _, field := range requestFields(reflect.TypeOf(request)) {
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if options != "" || name == "others" {
				continue // may be left out; of others, none is a number too
			}
			part := object{}
			for key, value := range whole {
				if key != name {
					part[key] = value
				}
			}
			refusal := s.refusal(record.InvalidArgument, s.admin1, function, part)
			require.True(t, strings.HasPrefix(refusal.Field, name), "%s without %s: %v", function, name, refusal)
		}
	}
}

// decodeObject reads a request back into fields.
func decodeObject(t testing.TB, text string) object {
	t.Helper()
	var o object
	require.NoError(t, json.Unmarshal([]byte(text), &o))
	return o
}

// requestOf is the zero value of a function's request, nil when it takes none.
func requestOf(function string) any {
	i := slices.IndexFunc(contract.Functions(), func(f contract.Function) bool { return f.Name() == function })
	if i < 0 {
		return nil
	}
	return contract.Functions()[i].Request
}
