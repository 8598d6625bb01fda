# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What every script here needs: messages, waiting for conditions, and processes that are started
# once and ended by the pid they were started with. Sourced, never run.
#
# shellcheck disable=SC2034 # variables are read by the scripts that source this

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SECONDS_AT_START=$SECONDS

say() { printf '%s\n' "$*"; }

step() { printf '[%3ds] %s\n' "$((SECONDS - SECONDS_AT_START))" "$*"; }

# What is said here is seen even where a command's output is dropped.
exec 9>&2

die() {
	printf 'error: %s\n' "$*" >&9
	exit 1
}

# last_words LOG shows how a log ends.
last_words() {
	[ -f "$1" ] || return 0
	printf -- '--- the last lines of %s\n' "$1" >&9
	tail -n 15 "$1" >&9
}

# saw PATTERN: grep at the end of a pipeline. It reads everything: one that stops at the first hit
# can fail the command before it, and with that, by pipefail, the pipeline.
saw() { grep "$@" >/dev/null; }

# usage prints the comment at the head of the script that was called.
usage() {
	sed -n '3,/^[^#]/p' "$0" | sed -e '/^[^#]/d' -e 's/^# \{0,1\}//'
}

# absolute PATH prints the path of a folder that exists, absolute.
absolute() { (cd "$1" && pwd); }

# absolute_file PATH prints the path of a file, absolute.
absolute_file() { printf '%s/%s\n' "$(absolute "$(dirname "$1")")" "$(basename "$1")"; }

# wait_until SECONDS WHAT LOG COMMAND...: asks COMMAND until it succeeds. When the time is over,
# the end of LOG says why.
wait_until() {
	local deadline=$((SECONDS + $1)) what=$2 log=$3
	shift 3
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			last_words "$log"
			die "gave up waiting for $what"
		fi
		sleep 0.1
	done
}

# listening HOST:PORT: somebody accepts connections there.
listening() { (: <"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }

# http_get PORT PATH prints the answer of an operations endpoint on the loopback interface.
http_get() {
	(
		exec 3<>"/dev/tcp/127.0.0.1/$1"
		printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
		cat <&3
	) 2>/dev/null
}

# render TEMPLATE TARGET NAME=VALUE...: fills in ${NAME}; a name without a value is an error.
render() {
	local template=$1 target=$2 pair value
	local expressions=()
	shift 2
	for pair in "$@"; do
		value=$(printf '%s' "${pair#*=}" | sed 's/[&|\\]/\\&/g')
		expressions+=(-e "s|\${${pair%%=*}}|$value|g")
	done
	sed "${expressions[@]}" "$template" >"$target.tmp"
	# shellcheck disable=SC2016 # the text ${ is what is looked for
	if grep -n '^[^#]*\${' "$target.tmp" >&2; then
		die "$template: the lines above name what nothing was given for"
	fi
	mv "$target.tmp" "$target"
}

# --- Processes. RUN holds a file per process: its pid and when that pid was started, so that a
# --- pid that the system gave to somebody else meanwhile is never taken for ours.

# born PID prints when the process was started; fails when there is none. One that ended and that
# nobody has waited for yet (state Z) runs no more.
born() {
	if [ -r "/proc/$1/stat" ]; then
		sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 !~ /[ZX]/ { print $20; found = 1 } END { exit !found }'
	else
		case $(ps -o stat= -p "$1") in Z* | "") return 1 ;; esac
		LC_ALL=C ps -o lstart= -p "$1"
	fi
}

# pid_of NAME prints the pid of a process of ours that is alive.
pid_of() {
	local file=$RUN/$1.pid pid since now
	[ -f "$file" ] || return 1
	{ read -r pid && read -r since; } <"$file" || return 1
	now=$(born "$pid" 2>/dev/null) || return 1
	[ -n "$now" ] && [ "$now" = "$since" ] || return 1
	printf '%s\n' "$pid"
}

alive() { pid_of "$1" >/dev/null; }

# start NAME COMMAND...: starts it in the background, its output in LOGS/NAME.log.
start() {
	local name=$1 pid
	shift
	mkdir -p "$RUN" "$LOGS"
	nohup "$@" </dev/null >>"$LOGS/$name.log" 2>&1 9>&- &
	pid=$!
	printf '%s\n%s\n' "$pid" "$(born "$pid" || true)" >"$RUN/$name.pid"
}

# ask_to_end NAME: asks the process to end and does not wait for it.
ask_to_end() {
	local pid
	if pid=$(pid_of "$1"); then kill -TERM "$pid" 2>/dev/null || true; fi
}

# stop NAME: asks the process to end, and after ten seconds makes it.
stop() {
	local name=$1 pid i
	if pid=$(pid_of "$name"); then
		ask_to_end "$name"
		for ((i = 0; i < 100; i++)); do
			alive "$name" || break
			sleep 0.1
		done
		if alive "$name"; then
			say "$name did not end on SIGTERM, killing it"
			kill -KILL "$pid" 2>/dev/null || true
		fi
	fi
	rm -f "$RUN/$name.pid"
}

# started prints the names of all processes that were started and not stopped.
started() {
	local file
	for file in "$RUN"/*.pid; do
		[ -f "$file" ] || continue
		file=${file##*/}
		printf '%s\n' "${file%.pid}"
	done
}
