#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bundle-profile.sh: puts a connection profile and all it names into one folder, for a container
# or another machine.
#
#   bundle-profile.sh PROFILE FOLDER [--endpoint HOST:PORT]
#
# FOLDER gets profile.json, ca.pem, certificate.pem and key.pem, and may be moved. --endpoint is the
# peer as it is seen from where the bundle is used. The key is a secret: the folder and the key are
# readable for their owner only, who for the containers of docker-compose.yaml is user 65532:
#
#   sudo chown -R 65532:65532 FOLDER
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# field NAME prints a text of the profile.
field() { sed -n "s/^ *\"$1\": *\"\\([^\"]*\\)\",\\{0,1\\}\$/\\1/p" "$PROFILE"; }

# bring NAME TARGET copies the file that a field names; relative paths count from the profile.
bring() {
	local path
	path=$(field "$1")
	case $path in
	"") die "$PROFILE does not name $1" ;;
	/*) ;;
	*) path=$(dirname "$PROFILE")/$path ;;
	esac
	install -m "$3" "$path" "$FOLDER/$2" || die "$PROFILE: no $1"
}

main() {
	PROFILE="" FOLDER=""
	local endpoint=""
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--endpoint)
			[ $# -ge 2 ] || die "--endpoint needs a value"
			endpoint=$2 && shift 2
			;;
		-*) die "unknown argument $1 (see bundle-profile.sh --help)" ;;
		*)
			if [ -z "$PROFILE" ]; then PROFILE=$1; elif [ -z "$FOLDER" ]; then FOLDER=$1; else die "one PROFILE and one FOLDER, please"; fi
			shift
			;;
		esac
	done
	[ -n "$FOLDER" ] || die "give a PROFILE and a FOLDER (see bundle-profile.sh --help)"
	[ -f "$PROFILE" ] || die "no profile $PROFILE; deploy.sh writes them"
	mkdir -p "$FOLDER"
	chmod 700 "$FOLDER"
	bring tlsCa ca.pem 644
	bring certificate certificate.pem 644
	bring key key.pem 600
	sed -e 's|^\( *"tlsCa": *\)"[^"]*"|\1"ca.pem"|' -e 's|^\( *"certificate": *\)"[^"]*"|\1"certificate.pem"|' \
		-e 's|^\( *"key": *\)"[^"]*"|\1"key.pem"|' \
		-e "s|^\\( *\"endpoint\": *\\)\"[^\"]*\"|\\1\"${endpoint:-$(field endpoint)}\"|" "$PROFILE" >"$FOLDER/profile.json"
	say "$FOLDER/profile.json: $(field mspId) at ${endpoint:-$(field endpoint)}; key.pem beside it is a secret"
}

main "$@"
