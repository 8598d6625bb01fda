# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Archives that are the same bytes whenever and wherever they are made from the same files: a
# package's id is its hash, so organisations that package the same source get the same id.
# Sourced after common.sh, never run.

# pack ARCHIVE FOLDER NAME...: the same files always give the same bytes, so the same package id.
pack() {
	local archive=$1 folder=$2 tar=tar
	shift 2
	command -v gtar >/dev/null && tar=gtar
	"$tar" --version 2>/dev/null | saw 'GNU tar' || die "GNU tar is needed (on macOS: gtar)"
	"$tar" --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX -C "$folder" -cf - "$@" | gzip -9n >"$archive.tmp"
	mv "$archive.tmp" "$archive"
}

# sha256 FILE prints the hash of a file in hexadecimal.
sha256() {
	if command -v sha256sum >/dev/null; then
		sha256sum "$1"
	else
		shasum -a 256 "$1"
	fi | cut -d ' ' -f 1
}
