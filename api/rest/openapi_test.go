// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/api/rest"
	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/ledger"
)

// operation is what the tests read of one.
type operation struct {
	ID         string `json:"operationId"`
	Parameters []struct {
		Ref  string `json:"$ref"`
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	Security  *[]any `json:"security"`
	Responses map[string]struct {
		Ref     string         `json:"$ref"`
		Content map[string]any `json:"content"`
	} `json:"responses"`
}

// description is openapi.json, as a tool reads it.
type description struct {
	text  []byte
	Paths map[string]map[string]operation `json:"paths"`
}

func readDescription(t *testing.T) description {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	d := description{text: text}
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// each calls f with every operation.
func (d description) each(f func(method, path string, o operation)) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, o := range d.Paths[path] {
			f(strings.ToUpper(method), path, o)
		}
	}
}

// at follows a JSON pointer.
func (d description) at(t *testing.T, pointer string, v any) {
	t.Helper()
	var node any
	require.NoError(t, json.Unmarshal(d.text, &node))
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		node = node.(map[string]any)[part]
		require.NotNil(t, node, "%s leads nowhere", pointer)
	}
	text, err := json.Marshal(node)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, v))
}

// query are the names of an operation's query parameters.
func (d description) query(t *testing.T, o operation) []string {
	t.Helper()
	var names []string
	for _, p := range o.Parameters {
		if p.Ref != "" {
			d.at(t, p.Ref, &p)
		}
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return names
}

// schema returns the schema at a pointer, in which no object may have fields that are not
// described: users are told to ignore them, but ours must all be there.
func (d description) schema(t *testing.T, pointer string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(d.text)))
	require.NoError(t, err)
	closeObjects(document)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020) // what OpenAPI 3.1 builds on
	require.NoError(t, compiler.AddResource("openapi.json", document))
	s, err := compiler.Compile("openapi.json" + pointer)
	require.NoError(t, err, pointer)
	return s
}

func closeObjects(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, has := node["properties"]; has && node["type"] == "object" {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}

func escape(path string) string { return strings.ReplaceAll(path, "/", "~1") }

// conforms requires that an answer is as described.
func (d description) conforms(t *testing.T, method, path string, r reply) {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, string(r.body))
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	s := d.schema(t, "#/paths/"+escape(path)+"/"+strings.ToLower(method)+"/responses/200/content/application~1json/schema")
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(string(r.body)))
	require.NoError(t, err)
	require.NoError(t, s.Validate(body), string(r.body))
}

func TestTheDescriptionIsOfExactlyTheAddressesThereAre(t *testing.T) {
	d := readDescription(t)
	described := map[string][]string{}
	d.each(func(method, path string, o operation) {
		if strings.HasPrefix(path, "/v1/") {
			described[method+" "+path] = d.query(t, o)
			require.Contains(t, o.Responses, "default", o.ID)
			return
		}
		require.NotNil(t, o.Security, "%s needs no token", path)
		require.Empty(t, *o.Security)
	})
	require.Equal(t, rest.Routes(), described)
}

func TestTheDescriptionIsServedAndComplete(t *testing.T) {
	d := readDescription(t)
	r := get(t, serve(t, &stub{})+"/openapi.json")
	require.Equal(t, http.StatusOK, r.status)
	require.JSONEq(t, string(d.text), string(r.body))
	var version string
	d.at(t, "#/openapi", &version)
	require.True(t, strings.HasPrefix(version, "3.1."))

	ids := map[string]bool{}
	d.each(func(_, _ string, o operation) {
		require.NotEmpty(t, o.ID)
		require.False(t, ids[o.ID], "%s twice", o.ID)
		ids[o.ID] = true
	})
	var schemas map[string]any
	d.at(t, "#/components/schemas", &schemas)
	for name := range schemas {
		d.schema(t, "#/components/schemas/"+name)
		require.Contains(t, string(d.text), `"#/components/schemas/`+name+`"`, "nothing uses it")
	}
	var problem struct {
		Properties struct {
			Code struct {
				Enum []record.Code `json:"enum"`
			} `json:"code"`
		} `json:"properties"`
	}
	d.at(t, "#/components/schemas/Problem", &problem)
	require.Subset(t, problem.Properties.Code.Enum, record.Codes())
}

func TestTheDescriptionKnowsTheHeadersOfErrors(t *testing.T) {
	var response struct {
		Headers map[string]any `json:"headers"`
	}
	readDescription(t).at(t, "#/components/responses/Problem", &response)
	described := slices.Collect(maps.Keys(response.Headers))
	away := serve(t, &stub{err: &ledger.Error{Step: "evaluate", Kind: ledger.ErrUnavailable, Err: errors.New("away")}})
	guarded := serve(t, &stub{}, func(c *rest.Config) { c.Tokens = []string{tokenFile(t, "token", strings.Repeat("x", 32))} })
	sent := map[string]bool{}
	for _, r := range []reply{get(t, away+"/v1/ledger"), get(t, guarded+"/v1/ledger"), do(t, http.MethodPut, away+"/v1/ledger", nil)} {
		for name := range r.header {
			sent[http.CanonicalHeaderKey(name)] = true
		}
	}
	for _, common := range []string{"Cache-Control", "Content-Length", "Content-Type", "Date", "X-Content-Type-Options"} {
		delete(sent, common)
	}
	for i, name := range described {
		described[i] = http.CanonicalHeaderKey(name)
	}
	require.ElementsMatch(t, described, slices.Collect(maps.Keys(sent)))
}

// Every field of a record of the ledger is described, and none that it has not.
func TestTheDescriptionKnowsTheLedgersRecords(t *testing.T) {
	d := readDescription(t)
	for name, zero := range map[string]any{
		"Device": record.Device{}, "Stream": record.Stream{}, "Head": record.Head{}, "AnchorEntry": record.AnchorEntry{},
		"Anchor": record.Anchor{}, "Equivocation": record.EquivocationReport{}, "Policy": record.Policy{}, "Key": record.Key{},
		"Access": record.Access{}, "Decision": record.Decision{}, "AccessQuery": record.AccessQuery{}, "Approval": record.Approval{},
		"Terms": record.Terms{}, "Span": record.Span{}, "Moment": record.Moment{}, "Standing": standing.Verdict{},
		"KeyAt": call.DeviceKey{}, "DeviceChange": call.DeviceChange{},
	} {
		var schema struct {
			Required   []string       `json:"required"`
			Properties map[string]any `json:"properties"`
		}
		d.at(t, "#/components/schemas/"+name, &schema)
		all, required := fields(zero)
		require.ElementsMatch(t, all, slices.Collect(maps.Keys(schema.Properties)), name)
		require.ElementsMatch(t, required, schema.Required, name)
	}
}

func TestTheDescriptionKnowsEveryReport(t *testing.T) {
	d := readDescription(t)
	var schema struct {
		Required   []string       `json:"required"`
		Properties map[string]any `json:"properties"`
	}
	d.at(t, "#/components/schemas/Report", &schema)
	all, required := fields(audit.Report{})
	require.ElementsMatch(t, all, slices.Collect(maps.Keys(schema.Properties)))
	require.ElementsMatch(t, required, schema.Required)
	var ids []audit.ID
	d.at(t, "#/components/schemas/Report/properties/checks/items/properties/id/enum", &ids)
	require.Equal(t, audit.IDs(), ids)
	var levels []audit.Level
	d.at(t, "#/components/schemas/Report/properties/reached/items/enum", &levels)
	require.Equal(t, audit.Levels(), levels)
}
