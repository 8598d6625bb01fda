// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/contract"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

var update = flag.Bool("update", false, "write the generated parts of docs/chaincode.md anew")

// documentation is docs/chaincode.md.
func documentation(t testing.TB) (path, text string) {
	t.Helper()
	path = filepath.Join("..", "..", "docs", "chaincode.md")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, string(data)
}

// section is what stands between two headings of the second level.
func section(t testing.TB, title string) string {
	t.Helper()
	_, text := documentation(t)
	_, after, found := strings.Cut(text, "\n## "+title+"\n")
	require.True(t, found, "docs/chaincode.md has no section %q", title)
	body, _, _ := strings.Cut(after, "\n## ")
	return body
}

func TestTheGeneratedPartsOfTheDocumentationAreUpToDate(t *testing.T) {
	for name, generate := range map[string]func(testing.TB) string{"functions": functionTables, "records": recordTable} {
		path, text := documentation(t)
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end of "+name+" -->"
		before, rest, found := strings.Cut(text, begin)
		require.True(t, found, begin)
		old, after, found := strings.Cut(rest, end)
		require.True(t, found, end)
		fresh := generate(t)
		if *update && old != fresh {
			require.NoError(t, os.WriteFile(path, []byte(before+begin+fresh+end+after), 0o600))
			old = fresh
		}
		require.Equal(t, fresh, old, "run: go test ./chaincode/contract -run Documentation -update")
	}
}

// functionTables lists every function by contract.
func functionTables(t testing.TB) string {
	var b strings.Builder
	name := ""
	for _, f := range contract.Functions() {
		if f.Contract != name {
			name = f.Contract
			fmt.Fprintf(&b, "\n### %s\n\n| function | roles | event | what it does |\n|---|---|---|---|\n", name)
		}
		fmt.Fprintf(&b, "| `%s(%s)` | %s | %s | %s |\n", f.Transaction, strings.Join(f.Parameters, ", "),
			listed(f.Roles, f.Reads), quoted(f.Events), f.Description)
	}
	b.WriteString("\n### Requests\n\nA `?` marks what may be left out.\n\n| function | fields of `request` |\n|---|---|\n")
	for _, f := range contract.Functions() {
		if !slices.Contains(f.Parameters, "request") {
			require.Nil(t, f.Request, f.Name())
			continue
		}
		request := f.Request
		require.NotNil(t, request, f.Name())
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.Name(), strings.Join(fieldsOf(reflect.TypeOf(request)), ", "))
	}
	b.WriteString("\n")
	return b.String()
}

// listed names the roles of which a caller needs one.
func listed(roles []record.Role, reads bool) string {
	switch {
	case reads:
		return "everybody"
	case len(roles) == 0:
		return "every identity"
	}
	var names []string
	for _, r := range roles {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// quoted lists names as code.
func quoted(names []string) string {
	if len(names) == 0 {
		return "—"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// fieldsOf lists the JSON fields of a struct, those that may be left out with a question mark,
// objects with their fields.
func fieldsOf(of reflect.Type) []string {
	var fields []string
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			fields = append(fields, fieldsOf(field.Type)...)
			continue
		}
		member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options != "" {
			member += "?"
		}
		text := "`" + member + "`"
		if inner := structOf(field.Type); inner != nil {
			text += " (" + strings.Join(fieldsOf(inner), ", ") + ")"
		}
		fields = append(fields, text)
	}
	return fields
}

// structOf is the struct of which a field is made, nil for scalars, maps and whole records.
func structOf(of reflect.Type) reflect.Type {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[name.Name]() {
		return nil
	}
	if _, versioned := of.FieldByName("Version"); versioned {
		return nil
	}
	return of
}

// stored are the records with their types and keys.
func storedRecords() []struct {
	kind, key string
	record    any
} {
	return []struct {
		kind, key string
		record    any
	}{
		{record.DeviceType, "device, owner, id", record.Device{}},
		{record.StopType, "stop, owner, device id", record.Stop{}},
		{record.StreamType, "stream, owner, id", record.Stream{}},
		{record.StreamStopType, "stream-stop, owner, stream id", record.StreamStop{}},
		{record.HeadType, "head, owner, stream id", record.Head{}},
		{record.AnchorEntryType, "anchor, owner, stream id, number", record.AnchorEntry{}},
		{record.EquivocationType, "equivocation, owner, stream id, number, digest of the claim", record.EquivocationReport{}},
		{record.GrantType, "grant, MSP ID, role, how, subject", record.Grant{}},
		{record.ConsortiumType, "consortium", record.Consortium{}},
		{record.ApprovalType, "approval, MSP ID", record.Approval{}},
		{record.ManufacturerType, "manufacturer, owner, name", record.Manufacturer{}},
		{record.CertifiedType, "certified, owner, digest of the key", record.Certified{}},
		{record.PolicyType, "policy, owner, id (latest); policy~revision, owner, id, revision", record.Policy{}},
		{record.AccessType, "access, transaction id", record.Access{}},
		{record.QuestionType, "question, owner, device id, nonce", record.UsedQuestion{}},
	}
}

// recordTable lists every record with its key and fields.
func recordTable(testing.TB) string {
	var b strings.Builder
	b.WriteString("\n| type | composite key | fields beside `type` and `version` |\n|---|---|---|\n")
	for _, s := range storedRecords() {
		fields := slices.DeleteFunc(fieldsOf(reflect.TypeOf(s.record)), func(f string) bool { return f == "`type`" || f == "`version`" })
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.kind, s.key, strings.Join(fields, ", "))
	}
	b.WriteString("\n")
	return b.String()
}

func TestEveryRequestFieldIsInTheDocumentation(t *testing.T) {
	text := section(t, "Request fields")
	for _, f := range contract.Functions() {
		request := f.Request
		if request == nil {
			continue
		}
		for _, field := range regexp.MustCompile("`([a-zA-Z]+)").FindAllStringSubmatch(strings.Join(fieldsOf(reflect.TypeOf(request)), " "), -1) {
			require.Contains(t, text, "\n| `"+field[1]+"` |", f.Name())
		}
	}
}

func TestEveryEventAndItsFieldsAreInTheDocumentation(t *testing.T) {
	text := section(t, "Events")
	for _, f := range contract.Functions() {
		for _, event := range f.Events {
			require.Contains(t, text, "\n| `"+event+"` |")
		}
	}
	for _, field := range fieldsOf(reflect.TypeFor[call.Event]()) {
		name := regexp.MustCompile("`([a-zA-Z]+)").FindStringSubmatch(field)[1]
		require.Contains(t, text, "`"+name+"`")
	}
}

func TestEveryErrorCodeIsInTheDocumentation(t *testing.T) {
	text := section(t, "Errors")
	for _, code := range record.Codes() {
		require.Contains(t, text, "\n| `"+string(code)+"` |")
	}
}

func TestEveryObjectTypeOnTheLedgerIsInTheDocumentation(t *testing.T) {
	s := newStage(t)
	s.agree()
	s.submit(s.people["Org1MSP"]["auditor"], "anchors:ReportEquivocation", json.RawMessage(s.request("anchors:ReportEquivocation", record.Active, "Org1MSP")))
	s.submit(s.admin1, "access:Request", readOf("Org1MSP/active"))
	s.submit(s.bridge1, "devices:Enrol", json.RawMessage(s.enrolment()))
	signer := s.device("asks")
	s.submit(s.bridge1, "access:Request", s.signedBy(signer, readOf("Org1MSP/active").with("device", "Org1MSP/asks")))
	text := section(t, "Records") + section(t, "Indexes")
	seen := map[string]bool{}
	for _, key := range s.ledger.Keys() {
		object, _ := record.SplitKey(key)
		require.NotEmpty(t, object, "%q is no composite key", key)
		seen[object] = true
		require.Contains(t, text, object)
		var schema struct {
			Type    string `json:"type"`
			Version int    `json:"version"`
		}
		require.NoError(t, json.Unmarshal(s.ledger.Value(key), &schema))
		require.NotEmpty(t, schema.Type, object)
		require.Equal(t, record.Version, schema.Version, object)
	}
	require.Len(t, seen, len(storedRecords())+1+4, "the stage holds every kind of record and index")
}

func TestTheMetadataDescribesEveryFunction(t *testing.T) {
	w := newWorld(t)
	var metadata struct {
		Info struct {
			Title, Version string
		} `json:"info"`
		Contracts map[string]struct {
			Info struct {
				Title, Version string
			} `json:"info"`
			Transactions []struct {
				Name       string   `json:"name"`
				Tag        []string `json:"tag"`
				Parameters []struct {
					Name, Description string
					Schema            struct{ Type string }
				} `json:"parameters"`
				Returns struct{ Description string } `json:"returns"`
			} `json:"transactions"`
		} `json:"contracts"`
	}
	require.NoError(t, json.Unmarshal([]byte(w.query(w.admin1, "org.hyperledger.fabric:GetMetadata")), &metadata))
	require.NotEmpty(t, metadata.Info.Title)
	require.NotEmpty(t, metadata.Info.Version)
	var names []string
	for name, c := range metadata.Contracts {
		require.NotEmpty(t, c.Info.Title, name)
		for _, tx := range c.Transactions {
			names = append(names, name+":"+tx.Name)
			require.NotEmpty(t, tx.Returns.Description, tx.Name)
			require.Len(t, tx.Tag, 2)
			for _, p := range tx.Parameters {
				require.NotEmpty(t, p.Description, "%s %s", tx.Name, p.Name)
				require.Equal(t, "string", p.Schema.Type)
			}
		}
	}
	var want []string
	for _, f := range contract.Functions() {
		want = append(want, f.Name())
	}
	require.ElementsMatch(t, want, names)
}
