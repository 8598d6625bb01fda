// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// An answer is a success.
type answer struct {
	body      []byte // JSON
	immutable bool   // it will never be otherwise
	next      string // cursor of the page after this, empty after the last
}

// How long an answer may be used without asking. What can change may be kept and must be asked for
// again, which costs no transfer when it is the same.
const (
	cacheForever  = "max-age=31536000, immutable"
	cacheValidate = "no-cache"
	cacheNever    = "no-store"
)

// write answers with the body, or with 304 when the caller has it.
func (a *answer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if r.Method == http.MethodPost {
		h.Set("Cache-Control", cacheNever)
		a.send(w)
		return
	}
	h.Set("Cache-Control", cacheValidate)
	if a.immutable {
		h.Set("Cache-Control", cacheForever)
	}
	if a.next != "" {
		h.Set("Link", nextLink(r.URL, a.next))
	}
	sum := sha256.Sum256(a.body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	h.Set("ETag", tag)
	if has(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	a.send(w)
}

func (a *answer) send(w http.ResponseWriter) {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	// An error is the caller's, who went away.
	_, _ = w.Write(a.body)
}

// has reports whether a tag is in If-None-Match, where tags are compared weakly (RFC 9110).
func has(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

// nextLink is the Link header (RFC 8288) of the next page: the same list from the cursor on.
func nextLink(u *url.URL, cursor string) string {
	query := u.Query()
	query.Del("from")
	query.Set(paramCursor, cursor)
	return "<" + u.EscapedPath() + "?" + query.Encode() + `>; rel="next"`
}
