# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Fabric's chaincode life cycle on a network that an environment file describes: package, install,
# approve, commit. Every step looks first and does nothing when it was done before. Sourced after
# fabric.sh and archive.sh, never run.

# load_environment FILE: reads and checks the description of a network.
load_environment() {
	[ -f "$1" ] || die "no environment file $1; start our network with up.sh, or see network/fabric/env"
	# shellcheck disable=SC1090 # the operator names the file
	source "$1"
	local org key keys="CHANNEL ORDERER_ADDRESS ORDERER_TLS_CA ORGS"
	for org in ${ORGS:-}; do
		keys="$keys ${org}_MSP_ID ${org}_PEER_ADDRESS ${org}_TLS_CA ${org}_ADMIN_MSP ${org}_CHAINCODE_ADDRESS"
	done
	: "${OTHERS:=}"
	for org in $OTHERS; do
		keys="$keys ${org}_MSP_ID ${org}_PEER_ADDRESS ${org}_TLS_CA"
	done
	for key in $keys; do
		[ -n "${!key:-}" ] || die "$1 does not set $key"
	done
	find_files "$1"
	[[ ${CONSORTIUM_OTHERS:-0} =~ ^[0-9]+$ ]] ||
		die "$1: CONSORTIUM_OTHERS is a number of organisations, not $CONSORTIUM_OTHERS"
	check_identities
}

# find_files FILE: what the file names is there. Paths become absolute, since Fabric's programs count
# relative ones from their configuration.
find_files() {
	local org key user keys="ORDERER_TLS_CA"
	for org in $ORGS; do
		keys="$keys ${org}_TLS_CA ${org}_ADMIN_MSP"
		for user in $(of "$org" USERS); do keys="$keys ${org}_${user}_MSP"; done
		for key in TLS_CA CLIENT_CERT CLIENT_KEY; do keys="$keys ${org}_CHAINCODE_$key"; done
	done
	for org in $OTHERS; do keys="$keys ${org}_TLS_CA"; done
	for key in $keys; do
		[ -n "${!key:-}" ] || continue
		[ -e "${!key}" ] || die "$1: $key names ${!key}, which is not there"
		printf -v "$key" '%s' "$(absolute_file "${!key}")"
	done
}

# check_identities: what Fabric's peer command wants to find in the MSP folder of each identity.
check_identities() {
	local org user folder part
	for org in $ORGS; do
		for user in ADMIN $(of "$org" USERS); do
			folder=$(of "$org" "${user}_MSP")
			[ -n "$folder" ] || die "${org}_USERS names $user, but ${org}_${user}_MSP is not set"
			for part in signcerts keystore cacerts; do
				[ -d "$folder/$part" ] || die "${org}_${user}_MSP: no $part in $folder; it is to be the msp folder of an identity"
			done
			[ -f "$folder/config.yaml" ] || [ -n "$(ls "$folder/admincerts" 2>/dev/null)" ] ||
				die "${org}_${user}_MSP: no config.yaml in $folder; Fabric CA does not write it, docs/deploy.md (Identities) has one that fits"
		done
	done
}

# of ORG KEY prints a value of the environment file, or nothing.
of() {
	local key=$1_$2
	printf '%s' "${!key:-}"
}

# first_peer ORG prints the peer that speaks for the organisation.
first_peer() {
	local peers
	peers=$(of "$1" PEER_ADDRESS)
	printf '%s' "${peers%% *}"
}

# peer_at ORG ADDRESS COMMAND...: Fabric's peer command as an administrator, at one peer.
peer_at() {
	local org=$1 address=$2
	shift 2
	FABRIC_CFG_PATH=$WORK CORE_PEER_LOCALMSPID=$(of "$org" MSP_ID) CORE_PEER_ADDRESS=$address \
		CORE_PEER_MSPCONFIGPATH=$(of "$org" ADMIN_MSP) CORE_PEER_TLS_ENABLED=true \
		CORE_PEER_TLS_ROOTCERT_FILE=$(of "$org" TLS_CA) peer "$@"
}

# lifecycle ORG COMMAND...: a life cycle command at the organisation's first peer.
lifecycle() {
	local org=$1
	shift
	peer_at "$org" "$(first_peer "$org")" lifecycle chaincode "$@"
}

# to_orderer prints the arguments that lead a transaction to the orderer, one a line.
to_orderer() {
	printf '%s\n' -o "$ORDERER_ADDRESS" --tls --cafile "$ORDERER_TLS_CA" --connTimeout 10s
	[ -z "${ORDERER_HOSTNAME:-}" ] || printf '%s\n' --ordererTLSHostnameOverride "$ORDERER_HOSTNAME"
}

# to_endorsers prints the arguments that have a peer of every organisation endorse, ours and the
# others, one a line.
to_endorsers() {
	local org
	for org in $ORGS $OTHERS; do
		printf '%s\n' --peerAddresses "$(first_peer "$org")" --tlsRootCertFiles "$(of "$org" TLS_CA)"
	done
}

# json_text FILE prints a file as the inside of a JSON string.
json_text() { awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); printf "%s\\n", $0 }' "$1"; }

# connection ORG prints connection.json: where the organisation's peers find the chaincode. With
# CHAINCODE_TLS_CA they ask it for a certificate, with CHAINCODE_CLIENT_CERT and _KEY they show one.
connection() {
	local org=$1 ca cert key
	ca=$(of "$org" CHAINCODE_TLS_CA) cert=$(of "$org" CHAINCODE_CLIENT_CERT) key=$(of "$org" CHAINCODE_CLIENT_KEY)
	if [ -n "$cert$key" ] && { [ -z "$ca" ] || [ -z "$cert" ] || [ -z "$key" ]; }; then
		die "${org}_CHAINCODE_TLS_CA, _CLIENT_CERT and _CLIENT_KEY belong together: set all three, or the first alone"
	fi
	printf '{"address":"%s","dial_timeout":"10s"' "$(of "$org" CHAINCODE_ADDRESS)"
	if [ -n "$ca" ]; then
		printf ',"tls_required":true,"root_cert":"%s"' "$(json_text "$ca")"
	else
		printf ',"tls_required":false'
	fi
	if [ -n "$cert" ]; then
		printf ',"client_auth_required":true,"client_cert":"%s","client_key":"%s"' \
			"$(json_text "$cert")" "$(json_text "$key")"
	fi
	printf '}\n'
}

# make_package ORG: the package that says where the organisation's chaincode serves. With
# CHAINCODE_CLIENT_KEY it holds a key, so it is nobody else's to read.
make_package() (
	umask 077
	folder=$WORK/package-$1
	rm -rf "$folder"
	mkdir -p "$folder"
	connection "$1" >"$folder/connection.json"
	pack "$folder/code.tar.gz" "$folder" connection.json
	printf '{"type":"ccaas","label":"%s_%s"}\n' "$NAME" "$VERSION" >"$folder/metadata.json"
	pack "$(package_of "$1")" "$folder" metadata.json code.tar.gz
	rm -rf "$folder"
)

# package_of ORG prints the file of the organisation's package.
package_of() { printf '%s' "${PACKAGE:-$WORK/${LIKE:-$NAME}-$(of "$1" MSP_ID).tar.gz}"; }

# package_id ORG prints the id by which peers know the organisation's package.
package_id() { lifecycle "$1" calculatepackageid "$(package_of "$1")"; }

# install ORG: onto each of the organisation's peers.
install() {
	local org=$1 address id
	[ -f "$(package_of "$org")" ] || die "no package $(package_of "$org"); is ${LIKE:-$NAME} deployed from this folder?"
	id=$(package_id "$org")
	for address in $(of "$org" PEER_ADDRESS); do
		peer_at "$org" "$address" lifecycle chaincode queryinstalled >"$WORK/peer.log" 2>&1 ||
			fail "$address does not say what is installed; is it up, and is ${org}_ADMIN_MSP an administrator?"
		if grep -qF "Package ID: $id," "$WORK/peer.log"; then
			step "$(of "$org" MSP_ID): already installed on $address"
			continue
		fi
		step "$(of "$org" MSP_ID): installing on $address"
		peer_at "$org" "$address" lifecycle chaincode install "$(package_of "$org")" >"$WORK/peer.log" 2>&1 ||
			fail "$address refused the package"
	done
}

# fail WHAT: shows what Fabric said, without its help, and ends.
fail() {
	sed '/^Usage:/,$d' "$WORK/peer.log" >&2
	die "$1"
}

# committed prints the sequence that the channel has agreed on, 0 for none.
committed() {
	local org=${ORGS%% *}
	if lifecycle "$org" querycommitted -C "$CHANNEL" -n "$NAME" >"$WORK/peer.log" 2>&1; then
		sed -n 's/^Version: .*, Sequence: \([0-9]*\),.*/\1/p' "$WORK/peer.log"
	elif grep -q 'is not defined' "$WORK/peer.log"; then
		echo 0
	else
		fail "$(first_peer "$org") does not say what is deployed on channel $CHANNEL"
	fi
}

# approve ORG SEQUENCE: the organisation agrees to the definition with its own package. Prints
# "approved", "already" when it has, or "differs" when the channel has committed another definition
# at this sequence.
approve() {
	local org=$1 sequence=$2 arguments=() line
	while IFS= read -r line; do arguments+=("$line"); done < <(to_orderer)
	if lifecycle "$org" approveformyorg "${arguments[@]}" -C "$CHANNEL" -n "$NAME" -v "$VERSION" \
		--sequence "$sequence" --signature-policy "$POLICY" --package-id "$(package_id "$org")" \
		>"$WORK/peer.log" 2>&1; then
		echo approved
	elif grep -Eq 'with different parameters|attempted to define the current sequence' "$WORK/peer.log"; then
		echo differs
	elif grep -q 'attempted to redefine' "$WORK/peer.log"; then
		echo already
	elif grep -q ENDORSEMENT_POLICY_FAILURE "$WORK/peer.log" && approved "$org" "$sequence"; then
		# Fabric before 3 does not refuse an approval that changes nothing: it endorses it, after it
		# has compared it with what is committed, and then finds its empty write set not endorsed.
		echo already
	else
		fail "$(of "$org" MSP_ID) could not approve the definition"
	fi
}

# approved ORG SEQUENCE: the organisation has approved this version with its own package.
approved() {
	lifecycle "$1" queryapproved -C "$CHANNEL" -n "$NAME" --sequence "$2" 2>/dev/null |
		saw -F "version: $VERSION, init-required: false, package-id: $(package_id "$1"),"
}

# missing SEQUENCE prints the organisations of the channel that have not approved.
missing() {
	lifecycle "${ORGS%% *}" checkcommitreadiness -C "$CHANNEL" -n "$NAME" -v "$VERSION" \
		--sequence "$1" --signature-policy "$POLICY" | sed -n 's/^\(.*\): false$/\1/p' | paste -s -d ' ' -
}

# commit SEQUENCE: makes the definition the channel's, endorsed by every organisation of the file.
commit() {
	local arguments=() line
	while IFS= read -r line; do arguments+=("$line"); done < <(to_orderer && to_endorsers)
	lifecycle "${ORGS%% *}" commit "${arguments[@]}" -C "$CHANNEL" -n "$NAME" -v "$VERSION" \
		--sequence "$1" --signature-policy "$POLICY" >"$WORK/peer.log" 2>&1 ||
		fail "the channel did not accept the definition"
}
