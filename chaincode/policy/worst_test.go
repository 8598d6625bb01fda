// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
)

// full is a device with as much data as there can be.
func full() record.Device {
	d := record.Device{
		ID: strings.Repeat("d", record.MaxName), Owner: strings.Repeat("O", record.MaxMSP), Status: record.Suspended,
		DeviceType: strings.Repeat("t", record.MaxName), Registered: record.Moment{Time: 1_700_000_000_000}, Attributes: map[string]string{},
	}
	for i := range record.MaxAttributes {
		d.Attributes[fmt.Sprintf("%0*d", record.MaxName, i)] = strings.Repeat("a", record.MaxText)
	}
	return d
}

// fullUser is a user of the owner with as many claims as there can be.
func fullUser(t require.TestingT) policy.Principal {
	attributes := map[string]string{}
	var units []string
	for i := range policy.MaxClaims {
		units = append(units, fmt.Sprintf("%0*d", record.MaxText, i))
		attributes[units[i]] = strings.Repeat("a", record.MaxText)
	}
	p, err := policy.User(full().Owner, strings.Repeat("f", 64), record.Roles(), units, attributes)
	require.NoError(t, err)
	return p
}

// fullContext is a context with as much data as there can be.
func fullContext() record.AccessContext {
	return record.AccessContext{Purpose: strings.Repeat("a", record.MaxText), From: now, Until: now}
}

// tag reads a tag of [full], site one of 256 bytes.
const tag = `resource.getTag("0000000000000000000000000000000000000000000000000000000000000001")`

// hostile are conditions that are false, one for each way to keep the evaluator busy. Each is
// repeated with || as often as a policy may.
func hostile() map[string]string {
	list := func(n int, f func(int) string) string {
		var all []string
		for i := range n {
			all = append(all, f(i))
		}
		return strings.Join(all, ",")
	}
	word := func(i int) string { return fmt.Sprintf("%q", fmt.Sprintf("w%d", i)) }
	guard := `resource.hasTag` + strings.TrimPrefix(tag, "resource.getTag") + ` && `
	return map[string]string{
		"nothing":                     `1 == 2`,
		"and":                         `(true && false)`,
		"not":                         `!!true == false`,
		"attribute":                   `resource.owner == "x"`,
		"tag":                         guard + tag + ` == "x"`,
		"like":                        guard + tag + ` like "*` + strings.Repeat("a", 120) + `b*"`,
		"like without a wildcard":     guard + tag + ` like "` + strings.Repeat("a", 255) + `b"`,
		"like with a head and a tail": guard + tag + ` like "` + strings.Repeat("a", 60) + `*` + strings.Repeat("a", 60) + `b"`,
		"like with short pieces":      guard + tag + ` like "*aaab*"`,
		"like with many wildcards":    guard + tag + ` like "` + strings.Repeat("*a", 200) + `b"`,
		"like of a long constant":     `(if context.time == datetime("2020-01-01") then "x" else "` + strings.Repeat("a", 600) + `") like "*` + strings.Repeat("a", 40) + `b*"`,
		"list":                        `[` + list(40, word) + `].contains(resource.id)`,
		"colliding list":              `[` + list(100, func(i int) string { return fmt.Sprint(i) }) + `].contains(101)`,
		"lists":                       `[` + list(12, word) + `].containsAll([` + list(12, word) + `, resource.id])`,
		"any of lists":                `[` + list(12, word) + `, resource.owner].containsAny([` + list(12, func(i int) string { return fmt.Sprintf("\"v%d\"", i) }) + `, resource.id])`,
		"equal lists":                 `[` + list(12, word) + `, resource.owner] == [` + list(12, word) + `, resource.id]`,
		"set of tags":                 guard + `[` + tag + `, resource.id, resource.owner].isEmpty()`,
		"set of records":              `[{a: resource.id}, {a: resource.owner}].contains({a: resource.status})`,
		"record":                      `{a: resource.id, b: resource.owner, c: 1} == {a: resource.owner, b: resource.id, c: 1}`,
		"roles":                       `(principal has roles && principal.roles == ["x"])`,
		"roles contain":               `(principal has roles && principal.roles.containsAny(["x", "y", "z"]))`,
		"in":                          `principal in Organisation::"x"`,
		"in a list":                   `principal in [` + list(20, func(i int) string { return fmt.Sprintf(`Unit::"x/%d"`, i) }) + `]`,
		"resource in":                 `resource in Organisation::"x"`,
		"resource in a list":          `resource in [` + list(20, func(i int) string { return fmt.Sprintf(`Device::"x/%d"`, i) }) + `]`,
		"is in":                       `principal is User in Organisation::"x"`,
		"if":                          `(if resource.id == "x" then true else false)`,
		"numbers":                     `1 + context.time.durationSince(resource.registered).toMilliseconds() * 3 == 2`,
		"times":                       `context.time.offset(duration("1d")).toDate() < resource.registered`,
		"overflow":                    `context.time.durationSince(resource.registered).toMilliseconds() * 9223372036854775807 == 2`,
		"addresses":                   `ip("10.0.0.1").isInRange(ip("192.168.0.0/16"))`,
		"decimals":                    `decimal("1.5").lessThan(decimal("1.2"))`,
		"principal is resource":       `principal == resource`,
		"long attribute name":         `(resource has "` + strings.Repeat("x", 1000) + `")`,
	}
}

// heaviest returns a policy of as many repetitions of a condition as Parse accepts, or fewer.
func heaviest(t require.TestingT, condition string) string {
	text := ""
	for _, n := range []int{1, 2, 3, 5, 8, 12, 16, 24, 31, 48, 63, 100, 150, 200, 300, 400, 600, 800} {
		next := `permit(principal, action, resource) when { ` + strings.TrimSuffix(strings.Repeat(condition+" || ", n), " || ") + ` };`
		if len(next) > record.MaxPolicyText {
			break
		}
		if _, err := policy.Parse(next); err != nil {
			if n == 1 {
				require.NoError(t, err, condition)
			}
			break
		}
		text = next
	}
	return text
}

// unpleasant are policies that take long to parse or to compare with the schema.
func unpleasant() map[string]string {
	when := func(condition string) string { return "permit(principal, action, resource) when {" + condition + "};" }
	each := func(n int, f func(int) string) string {
		var all strings.Builder
		for i := range n {
			all.WriteString(f(i))
		}
		return all.String()
	}
	nested := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	return map[string]string{
		"parentheses":         when(nested("(", "true", ")", 4000)),
		"negations":           when(nested("!(", "true", ")", 2700)),
		"ifs":                 when(strings.Repeat(`if resource.id=="a" then true else `, 230) + "true"),
		"nested records":      when(nested("{a:", "1", "}", 2000) + "==1"),
		"records to 30":       when(strings.TrimSuffix(strings.Repeat(nested("{a:", "1", "}", 30)+"=="+nested("{a:", "2", "}", 30)+"||", 30), "||")),
		"nested sets":         when(nested("[", "1", "]", 3900) + ".isEmpty()"),
		"colliding sets":      when("[" + each(800, func(i int) string { return fmt.Sprintf("[%d,%d],", i, 1000-i) }) + "[1,1]].isEmpty()"),
		"colliding sets all":  when("[" + each(300, func(i int) string { return fmt.Sprintf("[%d,%d],", i, 1000-i) }) + "[1,1]].containsAll([" + each(300, func(i int) string { return fmt.Sprintf("[%d,%d],", i, 1000-i) }) + "[1,1]])"),
		"many tags":           when("true" + each(300, func(i int) string { return fmt.Sprintf(`&&resource.hasTag("%d")`, i) })),
		"all guards":          when("true" + each(10, func(i int) string { return fmt.Sprintf(`&&resource.hasTag("%d")`, i) }) + strings.Repeat("&&true", 88)),
		"all guards, a fault": when("true" + each(10, func(i int) string { return fmt.Sprintf(`&&resource.hasTag("%d")`, i) }) + strings.Repeat("&&true", 87) + "&&1"),
		"guards in whens":     "permit(principal, action, resource)" + each(10, func(i int) string { return fmt.Sprintf(`when{resource.hasTag("%d")}`, i) }) + strings.Repeat("when{true}", 88) + "when{1};",
		"guards in ifs":       when(each(15, func(i int) string { return fmt.Sprintf(`if resource.hasTag("%d")&&(true&&true) then `, i) }) + "1" + strings.Repeat(" else 1", 15)),
		"one guard":           when(`resource.hasTag("x")` + strings.Repeat("&&true", 997) + "&&1"),
		"many whens":          "permit(principal, action, resource)" + strings.Repeat("when{true}", 700) + "when{1};",
		"constant pattern":    when(`"` + strings.Repeat("a", 4000) + `" like "*` + strings.Repeat("a", 2000) + `b*"`),
		"annotations":         each(900, func(i int) string { return fmt.Sprintf("@a%d\n", i) }) + "permit(principal, action, resource);",
		"many faults":         when("true" + strings.Repeat("||resource.xx==1", 490)),
		"guards in or":        when("(" + each(200, func(i int) string { return fmt.Sprintf(`resource.hasTag("%d")||`, i) }) + "true)"),
	}
}
