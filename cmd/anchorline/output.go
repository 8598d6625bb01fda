// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// table prints rows under a heading whose columns are parted by tabs, or says that there are no
// rows: none names what there is none of.
func table[T any](out io.Writer, none, heading string, rows []T, row func(T) []any) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "no", none)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, heading)
	for _, r := range rows {
		line(w, row(r))
	}
	return w.Flush()
}

// line prints the cells of a row. An empty one is a dash, so that columns can be counted.
func line(w io.Writer, cells []any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		text := printable(fmt.Sprint(cell))
		if text == "" {
			text = "-"
		}
		fmt.Fprint(w, text)
	}
	fmt.Fprintln(w)
}

// printable replaces what would steer a terminal: some of what is shown was written by strangers.
func printable(text string) string { return strings.Map(harmless, text) }

// printableLines is printable for text of several lines, which stay apart; tabs are kept.
func printableLines(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return harmless(r)
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

func harmless(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// A field is a line of a record that is shown by itself.
type field struct {
	name  string
	value any
}

// details prints the fields of one record, a line each, without those that are empty.
func details(out io.Writer, fields ...field) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		if text := printable(fmt.Sprint(f.value)); text != "" {
			fmt.Fprintf(w, "%s\t%s\n", f.name, text)
		}
	}
	return w.Flush()
}

// printJSON prints v indented.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// stamp is a time of the ledger for people, "" when there is none.
func stamp(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

// short is the begin of a hash or a transaction id, which is enough to tell it from others.
func short(hash string) string {
	const digits = 12
	if len(hash) <= digits {
		return hash
	}
	return hash[:digits] + "…"
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// yes says yes or no.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// pairs lists attributes in the order of their names.
func pairs(attributes map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, name+"="+attributes[name])
	}
	return strings.Join(list, ", ")
}

func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
