# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Roles on the ledger: who of an organisation registers devices, runs a bridge, audits. Granted by
# the organisation's administrator to single certificates, or to whoever has an attribute or an
# organisational unit in theirs. Sourced after lifecycle.sh, never run.

# json_string TEXT prints a JSON string.
json_string() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

# call FUNCTION ARGUMENT... prints what `peer chaincode -c` takes.
call() {
	local text="" argument
	for argument in "$@"; do text="$text,$(json_string "$argument")"; done
	printf '{"Args":[%s]}' "${text#,}"
}

# query_as ORG MSP-FOLDER FUNCTION ARGUMENT...: a query by one identity at its organisation's peer.
query_as() {
	local org=$1 msp=$2
	shift 2
	FABRIC_CFG_PATH=$WORK CORE_PEER_LOCALMSPID=$(of "$org" MSP_ID) CORE_PEER_ADDRESS=$(first_peer "$org") \
		CORE_PEER_MSPCONFIGPATH=$msp CORE_PEER_TLS_ENABLED=true \
		CORE_PEER_TLS_ROOTCERT_FILE=$(of "$org" TLS_CA) \
		peer chaincode query -C "$CHANNEL" -n "$NAME" -c "$(call "$@")"
}

# invoke ORG FUNCTION ARGUMENT...: a transaction by the organisation's administrator, endorsed by
# every organisation of the file; returns when it is committed.
invoke() {
	local org=$1 arguments=() line
	shift
	while IFS= read -r line; do arguments+=("$line"); done < <(to_orderer && to_endorsers)
	peer_at "$org" "$(first_peer "$org")" chaincode invoke "${arguments[@]}" -C "$CHANNEL" -n "$NAME" \
		--waitForEvent -c "$(call "$@")" >"$WORK/peer.log" 2>&1
}

# certificate_hash FILE prints the SHA-256 of a certificate's DER.
certificate_hash() { sed '/-----/d' "$1" | base64 -d >"$WORK/certificate.der" && sha256 "$WORK/certificate.der"; }

# has_role ORG USER ROLE: the identity has the role, however it was granted.
has_role() {
	local self
	self=$(query_as "$1" "$(of "$1" "$2_MSP")" roles:WhoAmI) || die "$(first_peer "$1") does not tell $2 which roles it has"
	[[ $self =~ \"roles\":\[[^]]*\"$3\" ]]
}

# grant_roles gives every organisation's identities the roles that the environment file names:
# ORG1_ROLES="USER1=registrar USER2=bridge". What they have already is left alone.
grant_roles() {
	local org pair user role msp hash
	for org in $ORGS; do
		for pair in $(of "$org" ROLES); do
			user=${pair%%=*} role=${pair#*=}
			msp=$(of "$org" "${user}_MSP")
			[ -n "$msp" ] || die "${org}_ROLES names $user, but ${org}_${user}_MSP is not set"
			if has_role "$org" "$user" "$role"; then
				step "$(of "$org" MSP_ID): $user is $role"
				continue
			fi
			hash=$(certificate_hash "$(only_file "$msp/signcerts")")
			invoke "$org" roles:Grant "{\"role\":\"$role\",\"certificate\":\"$hash\"}" ||
				fail "$(of "$org" MSP_ID): could not make $user $role"
			step "$(of "$org" MSP_ID): made $user $role"
		done
	done
}

# claim HOW:NAME prints what certificates must say, as a grant's subject on the ledger names it.
claim() {
	local what=${1#*:}
	case $1 in
	attribute:?*=*)
		printf '"attribute":{"name":%s,"value":%s}' "$(json_string "${what%%=*}")" "$(json_string "${what#*=}")"
		;;
	unit:?*) printf '"unit":%s' "$(json_string "$what")" ;;
	*) die "a grant to $1: want ROLE:attribute:NAME=VALUE or ROLE:unit:NAME" ;;
	esac
}

# grant_to_claims gives every organisation the grants that the environment file names:
# ORG1_GRANTS="bridge:attribute:anchorline.role=bridge registrar:unit:operations".
grant_to_claims() {
	local org grant role subject grants
	for org in $ORGS; do
		for grant in $(of "$org" GRANTS); do
			role=${grant%%:*}
			subject=$(claim "${grant#*:}")
			grants=$(query_as "$org" "$(of "$org" ADMIN_MSP)" roles:List "{\"role\":\"$role\",\"pageSize\":1000}")
			# A line per grant.
			if printf '%s' "${grants//'{"active":'/$'\n'}" | grep '^true,' | saw -F "\"subject\":{$subject},"; then
				step "$(of "$org" MSP_ID): ${grant#*:} is $role"
				continue
			fi
			invoke "$org" roles:Grant "{\"role\":\"$role\",$subject}" ||
				fail "$(of "$org" MSP_ID): could not make ${grant#*:} $role"
			step "$(of "$org" MSP_ID): made ${grant#*:} $role"
		done
	done
}
