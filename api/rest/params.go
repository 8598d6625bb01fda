// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// Names of query parameters.
const (
	paramLimit  = "limit"
	paramCursor = "cursor"
	// paramAttribute is name=value; the only one that may be given several times.
	paramAttribute = "attribute"
)

// params reads a request's query strictly: a misspelt filter that counted for nothing would make
// an auditor believe a list that says something else. The first fault is kept.
type params struct {
	request *http.Request
	values  url.Values
	body    []byte // of a route that takes one
	fault   *problem
}

// readParams parses the query, which may have the parameters named.
func readParams(r *http.Request, known []string) *params {
	p := &params{request: r}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		p.wrong("the query is malformed: %v", err)
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			p.wrong("parameter %q: there are none here", name)
		case !slices.Contains(known, name):
			p.wrong("parameter %q is unknown here; there are: %s", name, strings.Join(known, ", "))
		case len(given) > 1 && name != paramAttribute:
			p.wrong("parameter %q is given %d times", name, len(given))
		case given[0] == "" && name != paramCursor: // which says where the first page begins
			p.wrong("parameter %q is empty; give it a value or leave it out", name)
		}
	}
	p.values = values
	return p
}

func (p *params) wrong(format string, args ...any) {
	if p.fault == nil {
		p.fault = badRequest(format, args...)
	}
}

// path returns a part of the path.
func (p *params) path(name string) string { return p.request.PathValue(name) }

// name returns the name in the path, which has its owner and its id apart.
func (p *params) name() name.Name {
	n := name.New(p.path("owner"), p.path("id"))
	if err := n.Validate(); err != nil {
		p.wrong("%v", err)
	}
	return n
}

// text returns a parameter, empty when it is not given.
func (p *params) text(name string) string { return p.values.Get(name) }

// number returns a parameter that is a number, 0 when it is not given.
func (p *params) number(name string) uint64 {
	text := p.values.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > record.MaxNumber {
		p.wrong("parameter %q: want a number of 0 to %d", name, uint64(record.MaxNumber))
	}
	return n
}

// limit returns how many records a page shall have.
func (p *params) limit() uint64 {
	if p.text(paramLimit) == "" {
		return call.DefaultPage
	}
	n := p.number(paramLimit)
	if n < 1 || n > call.MaxPage {
		p.wrong("parameter %q: want a number of 1 to %d", paramLimit, call.MaxPage)
	}
	return n
}

// attributes returns the parameters "attribute", each name=value.
func (p *params) attributes() map[string]string {
	all := map[string]string{}
	for _, text := range p.values[paramAttribute] {
		name, value, found := strings.Cut(text, "=")
		if _, twice := all[name]; !found || name == "" || twice {
			p.wrong("parameter %q: want name=value, each name once", paramAttribute)
		}
		all[name] = value
	}
	return all
}

// object is a request of the chaincode.
type object map[string]any

// set adds a text that is not empty.
func (o object) set(name, text string) {
	if text != "" {
		o[name] = text
	}
}

// setNumber adds a number that is not 0.
func (o object) setNumber(name string, n uint64) {
	if n != 0 {
		o[name] = n
	}
}
