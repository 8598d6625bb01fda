# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Connection profiles: what `anchorline --fabric FILE` needs to act as one identity on a network,
# in one JSON file. Sourced after lifecycle.sh, never run.

# only_file FOLDER prints the one file that a folder of an MSP holds.
only_file() {
	local file
	for file in "$1"/*; do
		[ -f "$file" ] && printf '%s' "$file" && return
	done
	die "no file in $1"
}

# write_profile TARGET ORG MSP-FOLDER: whose certificate and key lie in MSP-FOLDER.
write_profile() {
	local org=$2 address name certificate key
	address=$(first_peer "$org")
	name=$(of "$org" PEER_HOSTNAME)
	certificate=$(only_file "$3/signcerts")
	key=$(only_file "$3/keystore")
	# shellcheck disable=SC2153 # NAME is the chaincode's, from deploy.sh
	cat >"$1.tmp" <<-EOF
		{
		  "endpoint": "$address",
		  "serverName": "${name:-${address%:*}}",
		  "tlsCa": "$(of "$org" TLS_CA)",
		  "mspId": "$(of "$org" MSP_ID)",
		  "certificate": "$certificate",
		  "key": "$key",
		  "channel": "$CHANNEL",
		  "chaincode": "$NAME"
		}
	EOF
	mv "$1.tmp" "$1"
}

# write_profiles FOLDER: profile-<org>.json of each organisation's user and
# profile-<org>-admin.json of its administrator.
write_profiles() {
	local org lower
	mkdir -p "$1"
	for org in $ORGS; do
		lower=$(printf '%s' "$org" | tr '[:upper:]' '[:lower:]')
		write_profile "$1/profile-$lower-admin.json" "$org" "$(of "$org" ADMIN_MSP)"
		[ -z "$(of "$org" USER_MSP)" ] || write_profile "$1/profile-$lower.json" "$org" "$(of "$org" USER_MSP)"
	done
}
