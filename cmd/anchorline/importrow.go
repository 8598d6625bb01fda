// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// An importRow is one device of a file, and where it stands there.
type importRow struct {
	ledger.Registration
	place string // file and line
	line  int
	size  int // in a request, in bytes
}

// maxFaults is the number of faulty lines that are reported at once.
const maxFaults = 10

// readRows reads a file of registrations for the organisation of the profile and checks every line
// as the ledger will. It reports several faults at once, each with its line.
func readRows(in io.Reader, file, format string, p ledger.Profile) ([]importRow, error) {
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(file), ".")
	}
	var read func(io.Reader, string, func(int, ledger.Registration, error)) error
	switch format {
	case "csv":
		read = readCSV
	case "jsonl", "ndjson":
		read = readLines
	default:
		return nil, fmt.Errorf("%s: neither .csv nor .jsonl: say with --format what it is", file)
	}
	in, err := withoutMark(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var rows []importRow
	var faults []error
	lines := map[string]int{}
	err = read(in, file, func(line int, r ledger.Registration, err error) {
		row := importRow{Registration: r, place: fmt.Sprintf("%s, line %d", file, line), line: line, size: sizeOf(r)}
		if err == nil {
			err = checkRegistration(r, p)
		}
		if first, twice := lines[r.ID]; err == nil && twice {
			err = fmt.Errorf("device %s stands on line %d already", r.ID, first)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", row.place, err))
			return
		}
		lines[r.ID] = line
		rows = append(rows, row)
	})
	if err != nil {
		return nil, err
	}
	if n := len(faults); n > maxFaults {
		faults = append(faults[:maxFaults], fmt.Errorf("and %d lines more", n-maxFaults))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("nothing was registered:\n%w", errors.Join(faults...))
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: no devices in it", file)
	}
	return rows, nil
}

// withoutMark leaves out the byte-order mark that some programs put before UTF-8.
func withoutMark(in io.Reader) (io.Reader, error) {
	const mark = "\xef\xbb\xbf"
	buffered := bufio.NewReader(in)
	start, err := buffered.Peek(len(mark))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(start) == mark {
		_, err = buffered.Discard(len(mark))
		return buffered, err
	}
	return buffered, nil
}

// checkRegistration reports what the ledger would refuse in a registration as it stands.
func checkRegistration(r ledger.Registration, p ledger.Profile) error {
	if err := record.First(
		record.CheckName("id", r.ID),
		record.CheckAttributes("attributes", r.Attributes),
		unlessEmpty("type", r.Type, record.CheckName),
		unlessEmpty("profile", r.Profile, record.CheckHash),
		record.CheckTime("reportingPeriod", r.ReportingPeriod),
	); err != nil {
		return err
	}
	key, err := cose.ParseKeyText(r.Key)
	if err != nil {
		return fmt.Errorf("device %s: key: %w", r.ID, err)
	}
	proof, err := base64.RawURLEncoding.DecodeString(r.Proof)
	if err != nil {
		return fmt.Errorf("device %s: proof: not base64url without padding", r.ID)
	}
	if err := reading.VerifyPossession(proof, key, reading.Subject{Kind: reading.DeviceKey, Name: name.New(p.MSPID, r.ID), Channel: p.Channel}); err != nil {
		return fmt.Errorf("device %s: proof: %w", r.ID, err)
	}
	return nil
}

func unlessEmpty(field, s string, check func(field, s string) error) error {
	if s == "" {
		return nil
	}
	return check(field, s)
}

// readLines reads JSON Lines. Empty lines are skipped.
func readLines(in io.Reader, file string, each func(line int, r ledger.Registration, err error)) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, record.MaxDocument)
	n := 0
	for scanner.Scan() {
		n++
		if strings.TrimSpace(scanner.Text()) == "" {
			continue
		}
		var r ledger.Registration
		err := record.Decode(scanner.Bytes(), &r)
		each(n, r, err)
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s, line %d: longer than %d bytes", file, n+1, record.MaxDocument)
	}
	return scanner.Err()
}

// readCSV reads CSV with a heading.
func readCSV(in io.Reader, file string, each func(line int, r ledger.Registration, err error)) error {
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	heading, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	heading = slices.Clone(heading)
	if err := checkHeading(heading); err != nil {
		return fmt.Errorf("%s, line 1: %w", file, err)
	}
	for {
		cells, err := rows.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &wrong):
			return fmt.Errorf("%s, line %d: %w", file, wrong.Line, wrong.Err)
		case err != nil:
			return fmt.Errorf("%s: %w", file, err)
		}
		line, _ := rows.FieldPos(0)
		r, err := rowOf(heading, cells)
		each(line, r, err)
	}
}

// Columns that are more than the text of a field.
const (
	attributeColumn = "attribute."
	periodColumn    = "reporting-period"
)

// checkHeading reports columns that are missing, unknown or there twice.
func checkHeading(heading []string) error {
	known := []string{"id", "key", "proof", "type", "profile", periodColumn}
	for i, column := range heading {
		if !slices.Contains(known, column) && !strings.HasPrefix(column, attributeColumn) {
			return fmt.Errorf("unknown column %.40q: want %s or %sNAME", column, strings.Join(known, ", "), attributeColumn)
		}
		if slices.Contains(heading[:i], column) {
			return fmt.Errorf("column %q comes twice", column)
		}
	}
	for _, column := range known[:3] {
		if !slices.Contains(heading, column) {
			return fmt.Errorf("column %q is missing", column)
		}
	}
	return nil
}

// rowOf is the registration in the cells under a heading; an empty attribute is none.
func rowOf(heading, cells []string) (ledger.Registration, error) {
	var r ledger.Registration
	fields := map[string]*string{"id": &r.ID, "key": &r.Key, "proof": &r.Proof, "type": &r.Type, "profile": &r.Profile}
	for i, column := range heading {
		cell := strings.Clone(cells[i])
		switch to, known := fields[column]; {
		case known:
			*to = cell
		case cell == "":
		case column == periodColumn:
			if err := (*span)(&r.ReportingPeriod).UnmarshalText([]byte(cell)); err != nil {
				return r, fmt.Errorf("column %q: %w", column, err)
			}
		default:
			if r.Attributes == nil {
				r.Attributes = map[string]string{}
			}
			r.Attributes[strings.TrimPrefix(column, attributeColumn)] = cell
		}
	}
	return r, nil
}
