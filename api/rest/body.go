// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
)

// accepted is the body that a route takes; without types it takes none.
type accepted struct {
	limit int64 // bytes
	types []string
}

// read reads a body of one of the media types. That it must name one keeps out what a web page of
// strangers can have a browser send.
func (a accepted) read(r *http.Request) ([]byte, error) {
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(a.types, given) {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Code: codeMediaType, Detail: "want Content-Type: " + strings.Join(a.types, " or ")}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, a.limit))
	if err != nil {
		return nil, unread(err)
	}
	return body, nil
}

// unread is the problem with a body that cannot be read.
func unread(err error) *problem {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &problem{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes", large.Limit)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{Status: http.StatusRequestTimeout, Code: codeTooSlow, Detail: fmt.Sprintf("the request was not complete within %s", readTimeout)}
	default:
		return badRequest("the body cannot be read: %v", err)
	}
}
