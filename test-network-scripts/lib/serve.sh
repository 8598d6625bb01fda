# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Chaincode as a service on this machine: which organisation runs what, where, and its process.
# Sourced after lifecycle.sh, never run.
#
# shellcheck disable=SC2153 # NAME, SOURCES and ADDRESSES are from deploy.sh

# said_for ORG LIST prints what an option that was given as MSP=VALUE says for the organisation.
said_for() {
	local msp
	msp=$(of "$1" MSP_ID)
	printf '%s' "$2" | sed -n "s|^$msp=||p" | tail -n 1
}

# apply_options: what --source-of and --address-of name are organisations of the file; a process has
# one source.
apply_options() {
	local org name value
	while IFS='=' read -r name value; do
		[ -n "$name" ] || continue
		[ -n "$value" ] || die "--source-of and --address-of want MSP=VALUE, not $name"
		for org in $ORGS; do [ "$(of "$org" MSP_ID)" != "$name" ] || continue 2; done
		die "--source-of or --address-of names $name, which is no organisation of the environment file"
	done <<<"$SOURCES$ADDRESSES"
	for org in $ORGS; do
		value=$(said_for "$org" "$ADDRESSES")
		[ -z "$value" ] || printf -v "${org}_CHAINCODE_ADDRESS" '%s' "$value"
		[ -z "$value" ] || printf -v "${org}_CHAINCODE_LISTEN" '%s' "$value"
	done
	for org in $ORGS; do
		[ -z "$(said_for "$org" "$SOURCES")" ] || [ "$(sharers "$org")" -eq 1 ] ||
			die "--source-of $(of "$org" MSP_ID): others have their chaincode at $(listen_address "$org") too; give it an address with --address-of"
	done
}

# listen_address ORG prints where the organisation's chaincode listens when it is served here.
listen_address() {
	local address
	address=$(of "$1" CHAINCODE_LISTEN)
	printf '%s\n' "${address:-$(of "$1" CHAINCODE_ADDRESS)}"
}

# sharers ORG prints how many organisations have their chaincode where this one has its.
sharers() {
	local org
	for org in $ORGS; do listen_address "$org"; done | grep -cxF "$(listen_address "$1")"
}

# program_of ORG prints the program that the organisation runs.
program_of() {
	local name=$NAME
	[ -z "$(said_for "$1" "$SOURCES")" ] || name=$NAME-$(of "$1" MSP_ID)
	printf '%s' "$WORK/bin/$name"
}

# build_all builds the program of every organisation, each once, beside its place.
build_all() {
	local org source program built=" "
	command -v go >/dev/null || die "go is not on the PATH; it builds the chaincode (or use --no-serve)"
	mkdir -p "$WORK/bin"
	for org in $ORGS; do
		program=$(program_of "$org")
		case $built in *" $program "*) continue ;; esac
		built="$built$program "
		source=$(said_for "$org" "$SOURCES")
		build "${source:-$SOURCE}" "$program.new"
	done
}

build() {
	[ -f "$1/main.go" ] || [ -n "$(ls "$1"/*.go 2>/dev/null)" ] || die "no Go code in $1"
	step "building the chaincode from $1"
	(cd "$1" && CGO_ENABLED=0 go build -trimpath -o "$2" .)
}

# serve_all starts the chaincode for every organisation; organisations with the same address share a
# process. A process that runs the same program under the same id is left alone. One that serves one
# organisation only knows by CORE_PEER_LOCALMSPID whose it is, as one that the peer launched does.
serve_all() {
	local org name id address program served=" " changed=" " identity
	for org in $ORGS; do
		program=$(program_of "$org")
		[ -f "$program.new" ] || continue
		cmp -s "$program.new" "$program" || changed="$changed$program "
		mv "$program.new" "$program"
	done
	for org in $ORGS; do
		address=$(listen_address "$org")
		case $served in *" $address "*) continue ;; esac
		served="$served$address "
		name=chaincode-$NAME-$(of "$org" MSP_ID)
		id=$(package_id "$org")
		program=$(program_of "$org")
		identity=""
		[ "$(sharers "$org")" -gt 1 ] || identity=$(of "$org" MSP_ID)
		if [[ $changed != *" $program "* ]] && alive "$name" && [ "$(cat "$RUN/$name.id" 2>/dev/null)" = "$id $program $identity" ]; then
			step "$name already serves on $address"
			continue
		fi
		stop "$name"
		! listening "$address" || die "$address, where $name would listen, is in use"
		step "starting $name on $address"
		start "$name" env CHAINCODE_SERVER_ADDRESS="$address" CHAINCODE_ID="$id" CORE_CHAINCODE_ID_NAME="$id" \
			CORE_PEER_LOCALMSPID="$identity" "$program"
		printf '%s\n' "$id $program $identity" >"$RUN/$name.id"
		printf '%s\n' "$address" >"$RUN/$name.address"
		wait_until 20 "$name to listen on $address" "$LOGS/$name.log" listening "$address"
	done
}
