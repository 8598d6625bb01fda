// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// maxMessage is the length in bytes of the longest message of Cedar's validator that is passed
// on: it may repeat much of the policy.
const maxMessage = 512

// hint tells what to write instead, for what Cedar's validator says. The pattern's groups and the
// expression before the fault go into the text.
type hint struct {
	pattern *regexp.Regexp
	text    func(groups []string, object string) string
}

// hints are immutable.
var hints = []hint{
	{regexp.MustCompile("^unable to guarantee safety of access to tag `(.*)` on"), func(g []string, object string) string {
		return fmt.Sprintf("not everything has this tag; write %s.hasTag(%s) && %s.getTag(%s) == …", object, g[1], object, g[1])
	}},
	{regexp.MustCompile("^unable to guarantee safety of access to optional attribute `(.*)` "), func(g []string, object string) string {
		return fmt.Sprintf("it may be absent; write %s has %s && %s.%s …", object, g[1], object, g[1])
	}},
	{regexp.MustCompile("^attribute `(msp|roles)` on entity type `Device` not found"), func(g []string, object string) string {
		if object != "principal" {
			return deviceHas(object, g[1])
		}
		return fmt.Sprintf("a device may ask too, and has no %s; begin with permit(principal is User, …)", g[1])
	}},
	{regexp.MustCompile("^attribute `(.*)` on entity type `User` not found"), func(g []string, _ string) string {
		return fmt.Sprintf("a user has msp and, in its own organisation, roles; attributes of its certificate are tags: principal.hasTag(%q) && principal.getTag(%q) == …", g[1], g[1])
	}},
	{regexp.MustCompile("^attribute `(.*)` on entity type `Device` not found"), func(g []string, object string) string {
		return deviceHas(object, g[1])
	}},
	{regexp.MustCompile("^attribute `.*` in context for .* not found"), fixed("the context has time and, if the caller states them, purpose, from and until")},
	{regexp.MustCompile("^the types .* are not compatible"), fixed("both sides must be of one type; attributes and tags are texts, written as \"1\"")},
	{regexp.MustCompile("^unexpected type: expected Bool "), fixed("a condition must be true or false, so compare the value with another")},
	{regexp.MustCompile("^unexpected type: "), fixed("this operator does not take a value of this type; < and > compare numbers and times, not texts")},
	{regexp.MustCompile("^unrecognized action "), func([]string, string) string {
		return "the actions are " + strings.Join(Actions(), ", ")
	}},
	{regexp.MustCompile("^unrecognized entity type "), fixed("the entity types are Organisation, Unit, User, Device and Action")},
	{regexp.MustCompile("^empty set literals "), fixed("write at least one element, or isEmpty()")},
	{regexp.MustCompile("^extension constructors "), fixed("datetime, duration, decimal and ip take a text that stands in the policy, not an attribute")},
	{regexp.MustCompile("^unable to find an applicable action "), fixed("a principal is a User or a Device, in an Organisation or a Unit; a resource is a Device")},
	{regexp.MustCompile("failed to parse as a datetime "), fixed(`write datetime("2030-01-31") or datetime("2030-01-31T12:00:00Z")`)},
	{regexp.MustCompile("failed to parse as a duration "), fixed(`write duration("1d") or duration("2h30m")`)},
}

// fixed is a hint that needs nothing of the message.
func fixed(text string) func([]string, string) string {
	return func([]string, string) string { return text }
}

// deviceHas tells what a device has instead of an attribute.
func deviceHas(object, attribute string) string {
	return fmt.Sprintf("a device has id, owner, type, status and registered; everything else is a tag: %s.hasTag(%q) && %s.getTag(%q) == …",
		object, attribute, object, attribute)
}

// explain returns what Cedar's validator says with a hint, if there is one. The object is the
// word before the fault, as resource in resource.colour.
func explain(message, object string) string {
	short := message
	if len(short) > maxMessage {
		short = strings.ToValidUTF8(short[:maxMessage], "") + "…"
	}
	for _, h := range hints {
		if groups := h.pattern.FindStringSubmatch(short); groups != nil {
			return short + ": " + h.text(groups, object)
		}
	}
	return short
}

// objectOf returns the word whose attribute or tag the i-th token is: resource in
// resource.colour and in resource.getTag("site").
func objectOf(tokens []token, i int) string {
	if i >= 2 && tokens[i-1].text == "(" {
		i -= 2
	}
	if i >= 2 && tokens[i-1].text == "." {
		return tokens[i-2].text
	}
	return "resource"
}
