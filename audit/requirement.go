// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Requirement says what a statement must reach to be proven. The zero Requirement asks for
// attestations by as many organisations as trust.json says, and that nobody repudiated anything.
type Requirement struct {
	// Level is the level to reach; empty stands for Unrepudiated.
	Level Level
	// Organisations is how many organisations must endorse or attest; 0 leaves that to trust.json.
	Organisations int
}

// ErrRequirement is wrapped when a requirement cannot be read.
var ErrRequirement = errors.New("audit: requirement")

// ParseRequirement reads "level" or "level:organisations", for example "attested:2".
func ParseRequirement(text string) (Requirement, error) {
	word, count, counted := strings.Cut(text, ":")
	r := Requirement{Level: Level(word)}
	if !slices.Contains(Levels(), r.Level) {
		return Requirement{}, fmt.Errorf("%w: %.40q is no level; the levels are %v", ErrRequirement, word, Levels())
	}
	if !counted {
		return r, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return Requirement{}, fmt.Errorf("%w: %.40q is no number of organisations; write for example attested:2", ErrRequirement, count)
	}
	if !slices.Contains([]Level{Endorsed, Attested, Unrepudiated}, r.Level) {
		return Requirement{}, fmt.Errorf("%w: organisations endorse and attest; %s takes no number of them", ErrRequirement, r.Level)
	}
	r.Organisations = n
	return r, nil
}

// String returns what ParseRequirement reads.
func (q Requirement) String() string {
	if q.Organisations == 0 {
		return string(q.level())
	}
	return fmt.Sprintf("%s:%d", q.level(), q.Organisations)
}

func (q Requirement) level() Level {
	if q.Level == "" {
		return Unrepudiated
	}
	return q.Level
}

// missing says what of the requirement a report lacks.
func (q Requirement) missing(r *Report) []string {
	var missing []string
	for _, l := range Levels() {
		asked := l == Signed || l == Received || l == q.level()
		if asked && !r.Has(l) {
			missing = append(missing, string(l))
		}
		if l == q.level() {
			break
		}
	}
	vouchers := r.fewest
	switch q.level() {
	case Endorsed:
		vouchers = len(r.EndorsedBy)
	case Unrepudiated:
		vouchers = min(r.fewest, len(r.acquitting))
	}
	if q.Organisations > vouchers {
		missing = append(missing, fmt.Sprintf("%s by %d organisations; %d did", q.level(), q.Organisations, vouchers))
	}
	return missing
}
