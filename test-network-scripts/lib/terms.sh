# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The consortium's terms: how many other organisations sign each change beside its owner. Approved
# by every organisation's administrator, and in force when all have approved the same. Sourced after
# roles.sh, never run.

# terms prints what the environment file's organisations agree on, ours and the others, in an order
# that does not depend on who deploys.
terms() {
	local org members
	members=$(for org in $ORGS $OTHERS; do json_string "$(of "$org" MSP_ID)" && echo; done | LC_ALL=C sort | paste -s -d , -)
	printf '{"organisations":[%s],"others":%s}' "$members" "$CONSORTIUM_OTHERS"
}

# approve_terms approves the terms for each of our organisations, when the environment file sets
# CONSORTIUM_OTHERS, and says who has not yet.
approve_terms() {
	local org msp terms state
	[ -n "${CONSORTIUM_OTHERS:-}" ] || return 0
	terms=$(terms)
	for org in $ORGS; do
		msp=$(of "$org" MSP_ID)
		if query_as "$org" "$(of "$org" ADMIN_MSP)" consortium:Get | saw -F "\"msp\":\"$msp\",\"terms\":$terms,"; then
			step "$msp: approves the terms"
			continue
		fi
		invoke "$org" consortium:Approve "$terms" || fail "$msp could not approve the terms $terms"
		step "$msp: approved the terms $terms"
	done
	state=$(query_as "${ORGS%% *}" "$(of "${ORGS%% *}" ADMIN_MSP)" consortium:Get)
	if [[ $state == *"],\"terms\":$terms}" ]]; then
		step "the terms are in force"
	else
		step "the terms are not in force until all have approved the same; approvals so far: $(printf '%s' "$state" | grep -o '"msp":"[^"]*"' | cut -d '"' -f 4 | paste -s -d ' ' -)"
	fi
}
