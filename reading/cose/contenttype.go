// SPDX-License-Identifier: Apache-2.0

package cose

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/anchorline/anchorline/reading/internal/dcbor"
)

// ContentType says what a payload is (header 3): a CoAP Content-Format number, written in
// decimal ("110"), or a media type ("text/plain"). The slash of a media type keeps the
// two apart. The empty ContentType means that there is none.
type ContentType string

// MaxContentType is the length in bytes of the longest media type accepted.
const MaxContentType = 255

// ContentFormat returns the content type that a CoAP Content-Format number stands for.
func ContentFormat(number uint16) ContentType {
	return ContentType(strconv.Itoa(int(number)))
}

// Format returns the CoAP Content-Format number, if it is one.
func (c ContentType) Format() (number uint16, ok bool) {
	n, err := strconv.ParseUint(string(c), 10, 16)
	if err != nil || ContentFormat(uint16(n)) != c {
		return 0, false
	}
	return uint16(n), true
}

// Validate returns ErrMalformed unless the content type is a Content-Format number or
// looks like a media type: printable ASCII, type and subtype around a slash.
func (c ContentType) Validate() error {
	if _, ok := c.Format(); ok {
		return nil
	}
	kind, subtype, slash := strings.Cut(string(c), "/")
	if !slash || kind == "" || subtype == "" || len(c) > MaxContentType {
		return fmt.Errorf("%w: content type %.300q; give a CoAP number or type/subtype", ErrMalformed, string(c))
	}
	printable := func(r rune) bool { return r > ' ' && r < 0x7f }
	inner := strings.ReplaceAll(string(c), " ", "_")
	if strings.HasPrefix(string(c), " ") || strings.HasSuffix(string(c), " ") ||
		strings.ContainsFunc(inner, func(r rune) bool { return !printable(r) }) {
		return fmt.Errorf("%w: content type %.300q has characters no media type has", ErrMalformed, string(c))
	}
	return nil
}

func parseContentType(value dcbor.Item) (ContentType, error) {
	if number, err := value.Uint(); err == nil {
		if number > math.MaxUint16 {
			return "", fmt.Errorf("%w: CoAP content format %d does not exist", ErrMalformed, number)
		}
		return ContentFormat(uint16(number)), nil
	}
	text, err := value.Text()
	if err != nil {
		return "", err
	}
	c := ContentType(text)
	if _, number := c.Format(); number {
		return "", fmt.Errorf("%w: content format %s as text; encode it as an integer", ErrMalformed, text)
	}
	return c, c.Validate()
}

func (c ContentType) append(dst []byte) []byte {
	if number, ok := c.Format(); ok {
		return dcbor.AppendUint(dst, uint64(number))
	}
	return dcbor.AppendText(dst, string(c))
}
