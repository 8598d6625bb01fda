#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# package-chaincode.sh: packs the chaincode for peers that build it themselves.
#
#   package-chaincode.sh [--version 1.0] [--label anchorline_1.0] [--output FILE]
#
# The package (default anchorline_1.0.tar.gz) holds the chaincode, what it imports of this module
# and every dependency as source, so a peer builds it without a network; nothing else of the
# module is in it, no test either. The same source gives the same bytes, so organisations that
# pack the same commit with the same label can compare the package id, which is printed.
#
# Needs go with this module's dependencies downloaded (go mod download). The peer's builder needs
# a Go at least as new as go.mod says; where it has not, deploy as a service with deploy.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/archive.sh
source "$ROOT/test-network-scripts/lib/archive.sh"

# Peers build for Linux; which files belong to the chaincode must not depend on who packs.
export GOOS=linux GOARCH=amd64 CGO_ENABLED=0 GOWORK=off GOFLAGS=""

read_arguments() {
	VERSION=1.0 LABEL="" OUTPUT=""
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--version | --label | --output)
			[ $# -ge 2 ] || die "$1 needs a value"
			case $1 in
			--version) VERSION=$2 ;;
			--label) LABEL=$2 ;;
			--output) OUTPUT=$2 ;;
			esac
			shift 2
			;;
		*) die "unknown argument $1 (see package-chaincode.sh --help)" ;;
		esac
	done
	: "${LABEL:=anchorline_$VERSION}"
	[[ $LABEL =~ ^[A-Za-z0-9]([A-Za-z0-9_.+-]*[A-Za-z0-9])?$ ]] || die "--label: letters, digits and _ . + - only"
	: "${OUTPUT:=$LABEL.tar.gz}"
}

# copy_source TARGET: our own packages that the chaincode is built from, without tests.
copy_source() {
	local folder file
	go list -deps -f '{{if .Module}}{{if .Module.Main}}{{.Dir}}{{range .GoFiles}}|{{.}}{{end}}{{range .IgnoredGoFiles}}|{{.}}{{end}}{{range .EmbedFiles}}|{{.}}{{end}}{{end}}{{end}}' ./chaincode |
		while IFS= read -r file; do
			folder=${file%%|*}
			# The files of the package, one a line.
			printf '%s' "$file" | tr '|' '\n' | tail -n +2 | grep -v '_test\.go$' | while IFS= read -r file; do
				mkdir -p "$(dirname "$1/${folder#"$ROOT"/}/$file")"
				cp "$folder/$file" "$1/${folder#"$ROOT"/}/$file"
			done
		done
}

# copy_modules TARGET: go.mod with the modules that the chaincode needs, at the versions it is
# built and tested with here, and their source.
copy_modules() {
	local module needed
	needed=$(go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}' ./chaincode | sort -u)
	cp go.mod go.sum "$1/"
	go mod edit -json | sed -n 's/^\t*"Path": "\(.*\)",*$/\1/p' | sort -u | while IFS= read -r module; do
		printf '%s\n' "$needed" | saw -xF "$module" || go mod edit -droprequire="$module" "$1/go.mod"
	done
	(cd "$1" && go mod vendor)
	# Checksums of modules that are not in the package say nothing about it.
	printf '%s\n' "$needed" | awk 'NR == FNR { keep[$1] = 1; next } $1 in keep' - "$ROOT/go.sum" >"$1/go.sum"
}

# prune TARGET: takes out of the vendor folder what no build reads (a module's test data may be
# larger than all of its code) and keeps code, licences and what code embeds.
prune() {
	local vendor embedded file
	vendor=$(cd "$1/vendor" && pwd -P)
	# shellcheck disable=SC2016 # a template of go list
	embedded=$(cd "$1" && go list -mod=vendor -deps -f '{{$dir := .Dir}}{{range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}' ./chaincode)
	find "$vendor" -type f ! -name '*.go' ! -name '*.[sSch]' ! -name 'modules.txt' \
		! -iname 'LICEN[CS]E*' ! -iname 'COPYING*' ! -iname 'NOTICE*' ! -iname 'PATENTS*' |
		while IFS= read -r file; do
			case $'\n'$embedded$'\n' in *$'\n'"$file"$'\n'*) ;; *) rm -f "$file" ;; esac
		done
}

# check TARGET: builds as the peer will, from the package's files alone.
check() {
	(cd "$1" && GOPROXY=off go build -trimpath -mod=vendor -o /dev/null ./chaincode) ||
		die "the pruned source does not build; is go.mod as 'go mod tidy' would leave it?"
}

main() {
	local work path parts=(src)
	read_arguments "$@"
	command -v go >/dev/null || die "go is not on the PATH"
	work=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder's name is wanted as it is now
	trap "chmod -R u+w '$work'; rm -rf '$work'" EXIT
	OUTPUT=$(absolute "$(dirname "$OUTPUT")")/$(basename "$OUTPUT")
	cd "$ROOT"
	mkdir -p "$work/code/src"
	copy_source "$work/code/src"
	copy_modules "$work/code/src"
	prune "$work/code/src"
	check "$work/code/src"
	if [ -d chaincode/META-INF ]; then
		cp -R chaincode/META-INF "$work/code/META-INF"
		parts+=(META-INF)
	fi
	path=$(go list -m)/chaincode
	pack "$work/code.tar.gz" "$work/code" "${parts[@]}"
	printf '{"path":"%s","type":"golang","label":"%s"}\n' "$path" "$LABEL" >"$work/metadata.json"
	pack "$OUTPUT" "$work" metadata.json code.tar.gz
	say "$OUTPUT: $(($(wc -c <"$OUTPUT") / 1024)) KiB"
	say "package id $LABEL:$(sha256 "$OUTPUT")"
}

main "$@"
