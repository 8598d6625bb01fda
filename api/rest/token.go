// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
)

// A token is a bearer token (RFC 6750) that is let in.
type token struct {
	name string // its file, for the log
	hash [sha256.Size]byte
}

// Sizes of a token in characters: 32 of them from a good generator cannot be guessed.
const (
	minToken = 32
	maxToken = 4096
)

// tokenFiles leaves out names that are empty, as the value of an unset variable is.
func tokenFiles(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" })
}

// readTokens reads files of one token each.
func readTokens(files []string) ([]token, error) {
	var tokens []token
	var faults []error
	for _, file := range tokenFiles(files) {
		t, err := readToken(file)
		if err != nil {
			faults = append(faults, fmt.Errorf("%w: token file: %w", ErrConfig, err))
			continue
		}
		tokens = append(tokens, t)
	}
	return tokens, errors.Join(faults...)
}

func readToken(file string) (token, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return token{}, err
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < minToken || len(secret) > maxToken || strings.ContainsFunc(secret, notBearer) {
		return token{}, fmt.Errorf("%s: want one token of %d to %d characters A-Z a-z 0-9 - . _ ~ + / =; make one with: openssl rand -hex 32", file, minToken, maxToken)
	}
	return token{name: file, hash: sha256.Sum256([]byte(secret))}, nil
}

// notBearer reports whether a character has no place in a bearer token.
func notBearer(r rune) bool {
	return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=", r)
}

// bearer returns the token of a request, and reports whether it has one.
func bearer(r *http.Request) (string, bool) {
	scheme, secret, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(secret), found && strings.EqualFold(scheme, "Bearer")
}

// admit returns the name of the token that a request shows. It takes as long for a wrong one as for
// a right one.
func admit(tokens []token, r *http.Request) (string, *problem) {
	secret, shown := bearer(r)
	if !shown {
		return "", &problem{Status: http.StatusUnauthorized, Code: codeUnauthenticated, Detail: "send a token: Authorization: Bearer …", challenge: `Bearer realm="anchorline"`}
	}
	hash := sha256.Sum256([]byte(secret))
	name, right := "", 0
	for _, t := range tokens {
		if same := subtle.ConstantTimeCompare(t.hash[:], hash[:]); same == 1 {
			name, right = t.name, 1
		}
	}
	if right == 0 {
		return "", &problem{Status: http.StatusUnauthorized, Code: codeUnauthenticated, Detail: "the token is not one of this service's", challenge: `Bearer realm="anchorline", error="invalid_token"`}
	}
	return name, nil
}
