#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deploy.sh: deploys the chaincode as a service: package, install, approve and commit for every
# organisation, start it, approve the consortium's terms, grant roles, and write connection
# profiles for anchorline.
#
#   deploy.sh [--dir DIR] [--env FILE] [--name anchorline] [--version 1.0] [--policy EXPRESSION]
#             [--source FOLDER] [--source-of MSP=FOLDER] [--address-of MSP=HOST:PORT]
#             [--serve|--no-serve] [--package FILE] [--like NAME] [--approve-only] [--probe JSON]
#
#   --dir          packages, profiles, logs and pids (FABRIC_NETWORK_DIR, else ./fabric-network)
#   --env          the network (default: DIR/network.env, which up.sh wrote); for others see
#                  network/fabric/env
#   --version      the definition's version: another one is an upgrade to the next sequence
#   --policy       the endorsement policy (default: a peer of every organisation in the file)
#   --source       main package of the chaincode, a folder with Go code (default: ./chaincode)
#   --source-of    the same for one organisation only, which then runs other code than the rest
#   --address-of   where one organisation's chaincode serves, instead of what the file says
#   --serve        build the chaincode and run it here, a process per address; the default for
#                  our own network. With --env and without --serve it is run elsewhere, with the
#                  CHAINCODE_ID that deploy.sh prints
#   --package      install this package, from package-chaincode.sh, instead of one that says
#                  where the service is: the peers build and run the chaincode themselves
#   --like         take the packages of the chaincode NAME, which was deployed as a service before,
#                  and so its processes: another name, and an empty state, for the same code
#   --approve-only leave the commit to somebody else; without it deploy.sh commits as soon as
#                  nobody's approval is missing
#   --probe        call that proves that the peers reach the chaincode; empty for none
#
# Running it again changes nothing that is as wanted; a definition that differs from the
# committed one is approved and committed as the next sequence. Needs peer in FABRIC_BIN or on
# the PATH, and go for --serve.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/fabric.sh
source "$ROOT/test-network-scripts/lib/fabric.sh"
# shellcheck source-path=SCRIPTDIR source=lib/archive.sh
source "$ROOT/test-network-scripts/lib/archive.sh"
# shellcheck source-path=SCRIPTDIR source=lib/lifecycle.sh
source "$ROOT/test-network-scripts/lib/lifecycle.sh"
# shellcheck source-path=SCRIPTDIR source=lib/serve.sh
source "$ROOT/test-network-scripts/lib/serve.sh"
# shellcheck source-path=SCRIPTDIR source=lib/profile.sh
source "$ROOT/test-network-scripts/lib/profile.sh"
# shellcheck source-path=SCRIPTDIR source=lib/roles.sh
source "$ROOT/test-network-scripts/lib/roles.sh"
# shellcheck source-path=SCRIPTDIR source=lib/terms.sh
source "$ROOT/test-network-scripts/lib/terms.sh"

read_arguments() {
	DIR="" ENVIRONMENT="" NAME=anchorline VERSION=1.0 POLICY="" SOURCE=$ROOT/chaincode
	METADATA='{"Args":["org.hyperledger.fabric:GetMetadata"]}'
	SERVE="" PACKAGE="" LIKE="" SOURCES="" ADDRESSES="" APPROVE_ONLY="" PROBE=$METADATA
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--serve) SERVE=yes && shift ;;
		--no-serve) SERVE=no && shift ;;
		--approve-only) APPROVE_ONLY=yes && shift ;;
		--dir | --env | --name | --version | --policy | --source | --source-of | --address-of | --package | --like | --probe)
			[ $# -ge 2 ] || die "$1 needs a value"
			case $1 in
			--dir) DIR=$2 ;;
			--env) ENVIRONMENT=$2 ;;
			--name) NAME=$2 ;;
			--version) VERSION=$2 ;;
			--policy) POLICY=$2 ;;
			--source) SOURCE=$2 ;;
			--source-of) SOURCES=$SOURCES$2$'\n' ;;
			--address-of) ADDRESSES=$ADDRESSES$2$'\n' ;;
			--package) PACKAGE=$2 SERVE=no ;;
			--like) LIKE=$2 SERVE=no ;;
			--probe) PROBE=$2 ;;
			esac
			shift 2
			;;
		*) die "unknown argument $1 (see deploy.sh --help)" ;;
		esac
	done
	[[ $NAME =~ ^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$ ]] || die "--name: letters, digits, - and _ only"
	[ -z "$LIKE" ] || [ -z "$PACKAGE" ] || die "--like takes the packages of another name: --package does not go with it"
	[ -z "$PACKAGE" ] || [ -f "$PACKAGE" ] || die "no package $PACKAGE; make one with package-chaincode.sh"
	[[ $VERSION =~ ^[A-Za-z0-9_.+-]+$ ]] || die "--version: letters, digits and _ . + - only"
}

# everybody prints the policy that asks a peer of every organisation in the file. In an order that
# does not depend on who deploys: to Fabric the same members in another order are another policy.
everybody() {
	local org members
	members=$(for org in $ORGS $OTHERS; do printf "'%s.peer'\n" "$(of "$org" MSP_ID)"; done | LC_ALL=C sort | tr '\n' ',')
	printf 'AND(%s)' "${members%,}"
}

# define agrees on the definition: at the committed sequence when it is this one, else at the next.
define() {
	local org sequence current outcome others
	current=$(committed)
	sequence=$((current > 0 ? current : 1))
	for org in $ORGS; do
		outcome=$(approve "$org" "$sequence")
		if [ "$outcome" = differs ]; then
			sequence=$((current + 1))
			outcome=$(approve "$org" "$sequence")
		fi
		step "$(of "$org" MSP_ID): $outcome version $VERSION at sequence $sequence"
	done
	if [ "$sequence" = "$current" ]; then
		step "sequence $current is this definition already"
		return
	fi
	others=$(missing "$sequence")
	if [ -n "$APPROVE_ONLY" ] || [ -n "$others" ]; then
		step "not committed; approvals missing: ${others:-none}"
		say "once it is committed and the chaincode runs, deploy.sh again approves the terms and grants the roles"
		exit 0
	fi
	commit "$sequence"
	step "committed sequence $sequence on channel $CHANNEL with $POLICY"
}

answers() { peer_at "$1" "$(first_peer "$1")" chaincode query -C "$CHANNEL" -n "$NAME" -c "$PROBE"; }

probe() {
	local org
	for org in $ORGS; do
		wait_until 30 "$(first_peer "$org") to answer for $NAME" "$WORK/peer.log" answers "$org"
		step "$(of "$org" MSP_ID): $(first_peer "$org") answers"
	done
}

# set_up makes the chaincode ready for use: the terms first, so that what is granted is guarded by
# them. Only of ours, and only when it answers.
set_up() {
	[ "$NAME" = anchorline ] || return 0
	if ! PROBE=$METADATA answers "${ORGS%% *}" >"$WORK/metadata" 2>&1; then
		say "the chaincode does not answer yet: start it, and run deploy.sh again, which approves the terms and grants the roles"
		return
	fi
	grep -q '"name":"roles"' "$WORK/metadata" || return 0
	approve_terms
	grant_to_claims
	grant_roles
}

main() {
	local org profiles
	read_arguments "$@"
	need_fabric peer
	set_folder "$(data_folder "$DIR")"
	: "${SERVE:=$([ -n "$ENVIRONMENT" ] && echo no || echo yes)}"
	load_environment "${ENVIRONMENT:-$DATA/network.env}"
	: "${POLICY:=$(everybody)}"
	apply_options
	WORK=$DATA/deploy
	mkdir -p "$WORK"
	cp "$FABRIC_CONFIG/client/core.yaml" "$WORK/core.yaml"
	[ "$SERVE" = no ] || build_all
	for org in $ORGS; do
		[ -n "$PACKAGE$LIKE" ] || make_package "$org"
		install "$org"
	done
	[ "$SERVE" = no ] || serve_all
	profiles=$DATA/profiles
	[ "$NAME" = anchorline ] || profiles=$profiles/$NAME
	write_profiles "$profiles"
	if [ "$SERVE$PACKAGE$LIKE" = no ]; then
		for org in $ORGS; do
			say "the chaincode of $(of "$org" MSP_ID), at $(of "$org" CHAINCODE_ADDRESS), runs with CHAINCODE_ID=$(package_id "$org") and CORE_PEER_LOCALMSPID=$(of "$org" MSP_ID)"
		done
	fi
	define
	if [ "$SERVE$PACKAGE$LIKE" != no ] && [ -n "$PROBE" ]; then probe; fi
	set_up
	step "done; profiles for anchorline --fabric are in $profiles"
}

main "$@"
