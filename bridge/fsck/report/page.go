// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/anchorline/anchorline/bridge/fsck"
	"github.com/anchorline/anchorline/reading/name"
)

//go:embed page.html
var pageText string

// maxRows is how many rows a table of the page has; the others are in FILE.json.
const maxRows = 500

// Page returns FILE.html: the report for people, in one file that needs nothing else. document is the
// bytes of FILE.json, file its name.
func Page(document []byte, file string) ([]byte, error) {
	d, err := Parse(document)
	if err != nil {
		return nil, err
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"n": number, "ranges": ranges, "day": day, "time": clock, "batches": batches, "things": things, "short": short, "readings": readingsOf,
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	sum := sha256.Sum256(document)
	p := page{Document: d, File: file, Digest: hex.EncodeToString(sum[:]), F: d.Findings}
	p.fill()
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return out.Bytes(), nil
}

// A page is what the template shows.
type page struct {
	Document
	File, Digest string
	F            fsck.Report
	Faults       []fsck.Fault
	// MoreFaults and the like are how many rows there is no room for.
	MoreFaults                uint64
	Missing, Repudiated       []fsck.DeviceReport
	MoreMissing, MoreDisowned int
	// MissingNumbers and DisownedReadings are sums over all devices.
	MissingNumbers, DisownedReadings uint64
	// OfMissing is how many devices miss numbers.
	OfMissing int
	// FaultCount is that of all faults.
	FaultCount uint64
	Resumed    bool
}

func (p *page) fill() {
	p.FaultCount = uint64(len(p.F.Faults)) + p.F.Omitted
	p.Faults = p.F.Faults[:min(len(p.F.Faults), maxRows)]
	p.MoreFaults = p.FaultCount - uint64(len(p.Faults))
	for _, d := range p.F.Devices {
		if d.Missing > 0 {
			p.MissingNumbers += d.Missing
			p.OfMissing++
			p.Missing, p.MoreMissing = room(p.Missing, p.MoreMissing, d)
		}
		if d.Repudiated > 0 {
			p.DisownedReadings += d.Repudiated
			p.Repudiated, p.MoreDisowned = room(p.Repudiated, p.MoreDisowned, d)
		}
	}
	for _, s := range p.F.Streams {
		p.Resumed = p.Resumed || s.Resumed > 0
	}
}

func room(list []fsck.DeviceReport, more int, d fsck.DeviceReport) ([]fsck.DeviceReport, int) {
	if len(list) >= maxRows {
		return list, more + 1
	}
	return append(list, d), more
}

// number writes a number with its thousands apart, as in 1,234.
func number(v any) string {
	digits := fmt.Sprint(v)
	var out strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(c)
	}
	return out.String()
}

// things is a number of things.
func things(v any, one, many string) string {
	if fmt.Sprint(v) == "1" {
		return "1 " + one
	}
	return number(v) + " " + many
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// maxRuns is how many runs of numbers a cell shows.
const maxRuns = 12

// ranges writes runs of numbers, as in 5, 7–900.
func ranges(list []fsck.Range, total uint64) string {
	var parts []string
	var shown uint64
	for _, r := range list[:min(len(list), maxRuns)] {
		parts = append(parts, batches(r))
		shown += r.To - r.From + 1
	}
	text := strings.Join(parts, ", ")
	if shown < total {
		text += " and " + number(total-shown) + " more"
	}
	return text
}

// short cuts hashes, which are whole in FILE.json: on a page their begin tells them apart.
func short(text string) string {
	return regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllStringFunc(text, func(hash string) string { return hash[:12] + "…" })
}

// batches writes one run.
func batches(r fsck.Range) string {
	if r.From == r.To {
		return number(r.From)
	}
	return number(r.From) + "–" + number(r.To)
}

// readingsOf says which readings of which device a fault is about.
func readingsOf(f fsck.Fault) string {
	if f.Device == (name.Name{}) {
		return ""
	}
	text := strconv.FormatUint(f.Readings, 10)
	if f.Readings == 1 {
		return "1 reading, number " + ranges(f.Numbers, f.Readings)
	}
	if len(f.Numbers) == 0 {
		return text + " readings"
	}
	return number(f.Readings) + " readings, numbers " + ranges(f.Numbers, f.Readings)
}
