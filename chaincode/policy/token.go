// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"unicode"
)

// token is a word, a string with its quotes, or a sign of a policy's text, and where it begins.
type token struct {
	text         string
	line, column int
}

// before reports whether the token stands before a fault.
func (t token) before(f *Fault) bool {
	return t.line < f.Line || t.line == f.Line && t.column < f.Column
}

// scanner cuts a policy's text, which Cedar has parsed already, into tokens.
type scanner struct {
	rest         []rune
	line, column int
}

// scan returns the tokens of a text without comments.
func scan(text string) []token {
	s := scanner{rest: []rune(text), line: 1, column: 1}
	var tokens []token
	for len(s.rest) > 0 {
		if n := s.blank(); n > 0 {
			s.take(n)
			continue
		}
		t := token{line: s.line, column: s.column}
		t.text = s.take(s.length())
		tokens = append(tokens, t)
	}
	return tokens
}

// blank returns the length of the white space or comment that comes next.
func (s *scanner) blank() int {
	if unicode.IsSpace(s.rest[0]) {
		return 1
	}
	if len(s.rest) > 1 && s.rest[0] == '/' && s.rest[1] == '/' {
		n := 0
		for n < len(s.rest) && s.rest[n] != '\n' {
			n++
		}
		return n
	}
	return 0
}

// length returns the length of the token that comes next.
func (s *scanner) length() int {
	n := 1
	switch first := s.rest[0]; {
	case first == '"':
		for n < len(s.rest) && s.rest[n] != '"' {
			if s.rest[n] == '\\' {
				n++
			}
			n++
		}
		n++
	case isWord(first):
		for n < len(s.rest) && isWord(s.rest[n]) {
			n++
		}
	case len(s.rest) > 1 && strings.Contains(" && || :: == != <= >= ", " "+string(s.rest[:2])+" "):
		n = 2
	}
	return min(n, len(s.rest))
}

// take moves on by n characters and returns them.
func (s *scanner) take(n int) string {
	taken := string(s.rest[:n])
	for _, r := range s.rest[:n] {
		s.column++
		if r == '\n' {
			s.line, s.column = s.line+1, 1
		}
	}
	s.rest = s.rest[n:]
	return taken
}

// isWord reports whether a character can be in an identifier or a number.
func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}
