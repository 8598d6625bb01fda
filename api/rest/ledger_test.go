// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading/name"
)

// stream is the one that the world's bridge writes.
var stream = name.New("Org1MSP", "s")

// example is a call of an operation.
type example struct {
	path string // with what stands for the names in it
	body string
	kind string
	same string // function of the chaincode whose answer is passed on as it is
	args []string
}

// examples has one call of each operation, by its id, on a ledger that has something to answer.
func (w *world) examples(d description) map[string]example {
	w.t.Helper()
	devices, err := w.ledger.Devices(w.t.Context(), ledger.DeviceFilter{})
	require.NoError(w.t, err)
	id := devices[0].Name().String()
	entry, err := w.ledger.Anchor(w.t.Context(), stream, 1)
	require.NoError(w.t, err)
	other := entry.Anchor
	other.Root = record.ZeroHash
	text, err := other.Encode()
	require.NoError(w.t, err)
	report, err := json.Marshal(map[string]string{"anchor": string(text)})
	require.NoError(w.t, err)
	w.transact("anchors:ReportEquivocation", string(report))
	var access record.Access
	question := fmt.Sprintf(`{"action":"read","resource":{"device":%q}}`, id)
	require.NoError(w.t, json.Unmarshal(w.transact("access:Request", question), &access))
	now := fmt.Sprint(time.Now().UnixMilli())
	day := record.Day(entry.Anchor.BridgeTime.First)
	return map[string]example{
		"getLedger":         {path: "/v1/ledger"},
		"getConsortium":     {path: "/v1/consortium", same: "consortium:Get"},
		"listDevices":       {path: "/v1/devices?owner=Org1MSP&status=active"},
		"getDevice":         {path: "/v1/devices/" + id, same: "devices:Get", args: []string{id}},
		"listDeviceHistory": {path: "/v1/devices/" + id + "/history"},
		"getDeviceKeyAt":    {path: "/v1/devices/" + id + "/key?time=" + now, same: "devices:KeyAt", args: []string{id, now}},
		"listStreams":       {path: "/v1/streams"},
		"getStream":         {path: "/v1/streams/Org1MSP/s", same: "anchors:GetStream", args: []string{"Org1MSP/s"}},
		"getHead":           {path: "/v1/streams/Org1MSP/s/head", same: "anchors:Head", args: []string{"Org1MSP/s"}},
		"listAnchors":       {path: "/v1/streams/Org1MSP/s/anchors"},
		"getAnchor":         {path: "/v1/streams/Org1MSP/s/anchors/1", same: "anchors:Get", args: []string{"Org1MSP/s", "1"}},
		"listAnchorsByDay":  {path: "/v1/anchors?day=" + day},
		"listEquivocations": {path: "/v1/equivocations?stream=Org1MSP/s"},
		"listPolicies":      {path: "/v1/policies"},
		"getPolicy":         {path: "/v1/policies/Org1MSP/old", same: "policies:Get", args: []string{"Org1MSP/old"}},
		"getPolicyRevision": {path: "/v1/policies/Org1MSP/old/revisions/1", same: "policies:GetRevision", args: []string{"Org1MSP/old", "1"}},
		"decide":            {path: "/v1/access/decide?action=read&resource=" + id},
		"decideByBody":      {path: "/v1/access/decide", body: question, kind: "application/json"},
		"listDecisions":     {path: "/v1/decisions"},
		"getDecision":       {path: "/v1/decisions/" + access.ID, same: "access:Get", args: []string{access.ID}},
		"verifyStatement":   {path: "/v1/statements/verify", body: string(w.statements[0]), kind: "application/cose"},
		"getHealth":         {path: "/healthz"},
		"getReadiness":      {path: "/readyz"},
		"getDescription":    {path: "/openapi.json"},
	}
}

func TestTheLedgerIsShownAsItIsAndAsDescribed(t *testing.T) {
	w, d := newWorld(t), readDescription(t)
	examples := w.examples(d)
	d.each(func(method, path string, o operation) {
		t.Run(o.ID, func(t *testing.T) {
			e, given := examples[o.ID]
			require.True(t, given, "no example")
			var header []string
			if e.kind != "" {
				header = []string{"Content-Type", e.kind}
			}
			r := do(t, method, w.url+e.path, []byte(e.body), header...)
			d.conforms(t, method, path, r)
			if strings.HasPrefix(path, "/v1/") {
				require.NotRegexp(t, `^\{"\w+":\[\]`, string(r.body), "an empty list shows nothing")
			}
			if e.same != "" {
				want, err := w.ledger.Evaluate(t.Context(), e.same, e.args...)
				require.NoError(t, err)
				require.Equal(t, string(want), string(r.body), "the ledger's own bytes")
			}
		})
	})
	t.Run("statements", w.statementsAreVerified)
	t.Run("pages", w.pagesAreFollowed)
	t.Run("bytes", w.recordsOnPagesAreTheLedgersBytes)
	t.Run("filters", w.filtersNarrow)
	t.Run("decisions", w.decisionsAreThoseOfTheIdentity)
	t.Run("refusals", w.refusalsHaveTheirStatus)
	t.Run("caches", w.whatNeverChangesMayBeKept)
	t.Run("readiness", w.readinessFollowsTheLedger) // stops the peer, so last
}

// walk follows the pages of a list by their Link headers and returns the records.
func (w *world) walk(t *testing.T, path, field string) []json.RawMessage {
	t.Helper()
	var all []json.RawMessage
	for pages := 0; ; pages++ {
		require.Less(t, pages, 1000, "it does not end")
		r := get(t, w.url+path)
		require.Equal(t, http.StatusOK, r.status, string(r.body))
		var body map[string]json.RawMessage
		r.decode(t, &body)
		var records []json.RawMessage
		require.NoError(t, json.Unmarshal(body[field], &records))
		all = append(all, records...)
		link := r.header.Get("Link")
		if body["next"] == nil {
			require.Empty(t, link)
			return all
		}
		require.True(t, strings.HasPrefix(link, "<") && strings.HasSuffix(link, `>; rel="next"`), link)
		path = link[1:strings.Index(link, ">")]
		next, err := url.Parse(path)
		require.NoError(t, err)
		require.Equal(t, string(body["next"]), fmt.Sprintf("%q", next.Query().Get("cursor")))
	}
}

func (w *world) pagesAreFollowed(t *testing.T) {
	devices, err := w.ledger.Devices(t.Context(), ledger.DeviceFilter{})
	require.NoError(t, err)
	head, err := w.ledger.Head(t.Context(), stream)
	require.NoError(t, err)
	require.Greater(t, len(devices), 2)
	require.Greater(t, head.Number, uint64(2))
	entry, err := w.ledger.Anchor(t.Context(), stream, 1)
	require.NoError(t, err)
	id := devices[0].Name().String()
	w.transact("devices:Suspend", fmt.Sprintf(`{"id":%q,"reason":"pause"}`, devices[0].ID))
	w.transact("devices:Resume", fmt.Sprintf(`{"id":%q,"reason":"on"}`, devices[0].ID))
	for _, l := range []struct {
		path, name string
		want       int
	}{
		{"/v1/devices?limit=1&cursor=", "devices", len(devices)},
		{"/v1/devices?limit=2&owner=Org1MSP&status=active", "devices", len(devices)},
		{"/v1/devices/" + id + "/history?limit=1", "changes", 3},
		{"/v1/streams?limit=1", "streams", 1},
		{"/v1/streams/Org1MSP/s/anchors?limit=2", "anchors", int(head.Number)},
		{"/v1/streams/Org1MSP/s/anchors?limit=1&from=2", "anchors", int(head.Number) - 1},
		{"/v1/anchors?limit=1&stream=Org1MSP/s&day=" + record.Day(entry.Anchor.BridgeTime.First), "anchors", -1},
		{"/v1/policies?limit=1", "policies", 3},
		{"/v1/policies?limit=1&owner=Org2MSP", "policies", 1},
		{"/v1/equivocations?limit=1", "equivocations", 1},
	} {
		found := w.walk(t, l.path, l.name)
		seen := map[string]bool{}
		for _, f := range found {
			require.False(t, seen[string(f)], "%s: twice %s", l.path, f)
			seen[string(f)] = true
		}
		if l.want < 0 { // the day may end during the test
			require.NotEmpty(t, found, l.path)
			continue
		}
		require.Len(t, found, l.want, l.path)
	}
}

func (w *world) recordsOnPagesAreTheLedgersBytes(t *testing.T) {
	policies := w.walk(t, "/v1/policies?owner=Org1MSP", "policies")
	require.Len(t, policies, 2)
	for _, p := range policies {
		var policy record.Policy
		require.NoError(t, json.Unmarshal(p, &policy))
		want, err := w.ledger.Evaluate(t.Context(), "policies:Get", policy.Owner+"/"+policy.ID)
		require.NoError(t, err)
		require.Equal(t, string(want), string(p))
	}
}

func (w *world) filtersNarrow(t *testing.T) {
	devices, err := w.ledger.Devices(t.Context(), ledger.DeviceFilter{})
	require.NoError(t, err)
	w.transact("devices:SetAttributes", fmt.Sprintf(`{"id":%q,"type":"pump","attributes":{"hall":"a=b & c"}}`, devices[1].ID))
	for _, query := range []string{"type=pump", "attribute=" + url.QueryEscape("hall=a=b & c"), "owner=Org1MSP&type=pump&status=active"} {
		require.Len(t, w.walk(t, "/v1/devices?"+query, "devices"), 1, query)
	}
	for _, query := range []string{"owner=Org2MSP", "status=revoked", "attribute=hall%3Db", "type=pump&owner=Org2MSP"} {
		require.Empty(t, w.walk(t, "/v1/devices?"+query, "devices"), query)
	}
	require.Empty(t, w.walk(t, "/v1/equivocations?stream=Org1MSP/t", "equivocations"))
	require.Empty(t, w.walk(t, "/v1/anchors?day=1999-12-31", "anchors"))
}

func (w *world) decisionsAreThoseOfTheIdentity(t *testing.T) {
	devices, err := w.ledger.Devices(t.Context(), ledger.DeviceFilter{})
	require.NoError(t, err)
	decide := func(query string) record.Decision {
		r := get(t, w.url+"/v1/access/decide?"+query)
		require.Equal(t, http.StatusOK, r.status, string(r.body))
		require.Equal(t, "no-cache", r.header.Get("Cache-Control"))
		var d record.Decision
		r.decode(t, &d)
		return d
	}
	var about struct {
		Name   string `json:"name"`
		Caller struct{ MSP, Identity string }
	}
	get(t, w.url+"/v1/ledger").decode(t, &about)
	require.Equal(t, w.ledger.Profile().Ledger(), about.Name)
	d := decide("action=read&resource=" + devices[0].Name().String())
	require.True(t, d.Allowed)
	require.Equal(t, about.Caller.MSP+"/"+about.Caller.Identity, d.Subject)
	require.False(t, decide("action=command&resource="+devices[0].Name().String()).Allowed)
	set := decide("action=read&owner=Org1MSP&attribute=hall%3Da%3Db+%26+c&purpose=repair&from=1&until=2")
	require.True(t, set.Allowed)
	require.Len(t, set.Devices, 1)
	require.Equal(t, record.AccessContext{Purpose: "repair", From: 1, Until: 2}, set.Query.Context)
	asked := decide("action=read&device=" + devices[2].Name().String() + "&resource=" + devices[0].Name().String())
	require.Equal(t, devices[2].Name().String(), asked.Subject, "this identity is a bridge, which may ask for a device")

	foreign := serve(t, w.network.Connect("Org2MSP", "User1"))
	var other record.Decision
	get(t, foreign+"/v1/access/decide?action=read&resource="+devices[0].Name().String()).decode(t, &other)
	require.False(t, other.Allowed)
	get(t, foreign+"/v1/access/decide?action=read&device="+devices[0].Name().String()+"&resource="+devices[0].Name().String()).
		isProblem(t, http.StatusForbidden, "FORBIDDEN")
}

func (w *world) refusalsHaveTheirStatus(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		code   string
		says   string
	}{
		"/v1/devices/nobody":                            {404, "UNKNOWN_PATH", "/openapi.json"},
		"/v1/devices/Org1MSP/nobody":                    {404, "NOT_FOUND", "Org1MSP/nobody"},
		"/v1/devices/Org1MSP/no%20body":                 {400, "INVALID_ARGUMENT", `id "no body"`},
		"/v1/devices/Org1MSP/a%2Fb":                     {400, "INVALID_ARGUMENT", `id "a/b"`},
		"/v1/devices/Org1%2FMSP/b":                      {400, "INVALID_ARGUMENT", `owner "Org1/MSP"`},
		"/v1/devices/Org1MSP/nobody/history":            {404, "NOT_FOUND", "nobody"},
		"/v1/devices/Org1MSP/no%20body/history":         {400, "INVALID_ARGUMENT", "no body"},
		"/v1/devices/Org1MSP/nobody/key?time=1":         {404, "NOT_FOUND", "nobody"},
		"/v1/devices/Org1MSP/nobody/key":                {400, "INVALID_ARGUMENT", "time"},
		"/v1/devices/Org1MSP/nobody/key?time=now":       {400, "INVALID_ARGUMENT", "time"},
		"/v1/devices?status=broken":                     {400, "INVALID_ARGUMENT", "status"},
		"/v1/devices?onwer=Org1MSP":                     {400, "INVALID_ARGUMENT", `"onwer" is unknown here; there are: owner, type`},
		"/v1/devices?owner=Org1MSP&owner=Org2MSP":       {400, "INVALID_ARGUMENT", "2 times"},
		"/v1/devices?owner=":                            {400, "INVALID_ARGUMENT", `"owner" is empty`},
		"/v1/devices?attribute=":                        {400, "INVALID_ARGUMENT", `"attribute" is empty`},
		"/v1/equivocations?stream=&cursor=":             {400, "INVALID_ARGUMENT", `"stream" is empty`},
		"/v1/equivocations?stream=s":                    {400, "INVALID_ARGUMENT", "stream"},
		"/v1/devices?limit=0":                           {400, "INVALID_ARGUMENT", "1 to 1000"},
		"/v1/devices?limit=1001":                        {400, "INVALID_ARGUMENT", "1 to 1000"},
		"/v1/devices?limit=-1":                          {400, "INVALID_ARGUMENT", "limit"},
		"/v1/devices?cursor=%21":                        {400, "INVALID_ARGUMENT", `"cursor"`},
		"/v1/streams?cursor=AGRldmljZX5vd25lcg":         {400, "INVALID_ARGUMENT", `"cursor"`},
		"/v1/devices?attribute=x":                       {400, "INVALID_ARGUMENT", "name=value"},
		"/v1/devices?attribute=x=1&attribute=y=2":       {400, "INVALID_ARGUMENT", "one at most"},
		"/v1/devices?a=%zz":                             {400, "INVALID_ARGUMENT", "malformed"},
		"/v1/consortium?x=1":                            {400, "INVALID_ARGUMENT", "there are none here"},
		"/v1/streams/Org1MSP/t":                         {404, "NOT_FOUND", "t"},
		"/v1/streams/Org1MSP/t/head":                    {404, "NOT_FOUND", "t"},
		"/v1/streams/Org1MSP/t/anchors":                 {404, "NOT_FOUND", "t"},
		"/v1/streams/Org1MSP/s/anchors/0":               {404, "NOT_FOUND", "s"},
		"/v1/streams/Org1MSP/s/anchors/01":              {400, "INVALID_ARGUMENT", "number"},
		"/v1/streams/Org1MSP/s/anchors/99999":           {404, "NOT_FOUND", "99999"},
		"/v1/streams/Org1MSP/s/anchors?from=1&cursor=2": {400, "INVALID_ARGUMENT", "either"},
		"/v1/streams/Org1MSP/s/anchors?cursor=x":        {400, "INVALID_ARGUMENT", "cursor"},
		"/v1/anchors":                                   {400, "INVALID_ARGUMENT", "day"},
		"/v1/anchors?day=2026-02-30":                    {400, "INVALID_ARGUMENT", "day"},
		"/v1/policies/Org1MSP/none":                     {404, "NOT_FOUND", "policy"},
		"/v1/policies/Org1MSP/old/revisions/9":          {404, "NOT_FOUND", "revision"},
		"/v1/decisions/x":                               {400, "INVALID_ARGUMENT", "id"},
		"/v1/access/decide?action=fly&resource=O/d":     {400, "INVALID_ARGUMENT", "action"},
		"/v1/access/decide?action=read":                 {400, "INVALID_ARGUMENT", "resource"},
		"/v1/access/decide?action=read&from=x":          {400, "INVALID_ARGUMENT", "from"},
		"/v1/nothing":                                   {404, "UNKNOWN_PATH", "/openapi.json"},
		"/":                                             {404, "UNKNOWN_PATH", "/openapi.json"},
	} {
		t.Run(path, func(t *testing.T) {
			p := get(t, w.url+path).isProblem(t, want.status, want.code)
			require.Contains(t, p.Detail, want.says)
		})
	}
	for _, body := range []string{"", "{", `{"action":"read"}`, `{"action":"read","resource":{"device":"O/d"},"more":1}`} {
		do(t, http.MethodPost, w.url+"/v1/access/decide", []byte(body), "Content-Type", "application/json").
			isProblem(t, http.StatusBadRequest, "INVALID_ARGUMENT")
	}
}

func (w *world) whatNeverChangesMayBeKept(t *testing.T) {
	for path, kept := range map[string]string{
		"/v1/streams/Org1MSP/s/anchors/1":      "max-age=31536000, immutable",
		"/v1/policies/Org1MSP/old/revisions/1": "max-age=31536000, immutable",
		"/v1/policies/Org1MSP/old":             "no-cache",
		"/v1/streams/Org1MSP/s":                "no-cache",
		"/v1/streams/Org1MSP/s/anchors":        "no-cache",
		"/openapi.json":                        "no-cache",
	} {
		first := get(t, w.url+path)
		require.Equal(t, kept, first.header.Get("Cache-Control"), path)
		tag := first.header.Get("ETag")
		require.Regexp(t, `^"[\w-]+"$`, tag)
		for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			again := get(t, w.url+path, "If-None-Match", known)
			require.Equal(t, http.StatusNotModified, again.status, path)
			require.Empty(t, again.body)
			require.Equal(t, tag, again.header.Get("ETag"))
			require.Equal(t, kept, again.header.Get("Cache-Control"))
		}
		require.Equal(t, http.StatusOK, get(t, w.url+path, "If-None-Match", `"x"`).status)
		head := do(t, http.MethodHead, w.url+path, nil)
		require.Equal(t, http.StatusOK, head.status)
		require.Empty(t, head.body)
		require.Equal(t, tag, head.header.Get("ETag"))
	}
	get(t, w.url+"/v1/streams/Org1MSP/s/anchors/99999", "If-None-Match", "*").isProblem(t, http.StatusNotFound, "NOT_FOUND")
}

func (w *world) readinessFollowsTheLedger(t *testing.T) {
	require.Equal(t, http.StatusOK, get(t, w.url+"/readyz").status)
	require.NoError(t, w.network.Faults(t).StopPeer("Org1MSP"))
	require.Eventually(t, func() bool { return get(t, w.url+"/readyz").status == http.StatusServiceUnavailable }, patience, 20*time.Millisecond)
	r := get(t, w.url+"/readyz")
	require.NotContains(t, string(r.body), "127.0.0.1", "who probes need not know the network")
	require.Equal(t, http.StatusOK, get(t, w.url+"/healthz").status)
	p := get(t, w.url+"/v1/streams/Org1MSP/s").isProblem(t, http.StatusServiceUnavailable, "UNAVAILABLE")
	require.NotContains(t, p.Detail, "127.0.0.1")
	require.NotEmpty(t, get(t, w.url+"/v1/streams/Org1MSP/s").header.Get("Retry-After"))
	require.NoError(t, w.network.Faults(t).StartPeer(t.Context(), "Org1MSP"))
	require.Eventually(t, func() bool { return get(t, w.url+"/readyz").status == http.StatusOK }, patience, 20*time.Millisecond)
	require.Equal(t, http.StatusOK, get(t, w.url+"/v1/streams/Org1MSP/s").status)
}
