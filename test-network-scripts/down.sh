#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# down.sh: stops the network that up.sh started, and the chaincode that deploy.sh started.
#
#   down.sh [--purge] [--dir DIR]
#
# The ledgers stay, and up.sh goes on with them; --purge removes them and everything else of the
# network. Only processes that these scripts started are ended. DIR is FABRIC_NETWORK_DIR, else
# ./fabric-network.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/fabric.sh
source "$ROOT/test-network-scripts/lib/fabric.sh"

main() {
	local purge="" dir="" name
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--purge) purge=yes && shift ;;
		--dir)
			[ $# -ge 2 ] || die "--dir needs a value"
			dir=$2 && shift 2
			;;
		*) die "unknown argument $1 (see down.sh --help)" ;;
		esac
	done
	dir=$(data_folder "$dir")
	if [ ! -d "$dir" ] || [ -z "$(ls -A "$dir")" ]; then
		say "no network in $dir, nothing to do"
		return
	fi
	set_folder "$dir"
	for name in $(started); do ask_to_end "$name"; done
	for name in $(started); do
		step "stopping $name"
		stop "$name"
	done
	if [ -n "$purge" ]; then
		[ -f "$DATA/.anchorline-test-network" ] || die "$DATA was not made by up.sh; not removing it"
		rm -rf "$DATA"
		step "removed $DATA"
	fi
}

main "$@"
