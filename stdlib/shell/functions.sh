# Functions for the scripts of test suites. Use them like this:
#
#     #!/bin/bash
#     source /etc/XrdTest/utils/functions.sh
#
# Sourcing this file merges standard error into standard output, and ends the script at the first command that fails,
# with that command's exit code and a line that names it. A pipeline fails when any of its commands does. Commands in
# conditions (`if command`, `command || …`, `! command`) may fail.
#
#     log WORDS…                   prints the words with the time of day
#     stamp COMMAND…               runs the command and puts the time of day before each line of its output; its exit
#                                  code is the command's
#     assert_fail COMMAND…         succeeds where the command fails; where it succeeds, ends the script with code 1
#     wait_for SECONDS COMMAND…    runs the command again and again until it succeeds; fails with the command's last
#                                  output when the time is over
#     expect_reboot [COMMAND…]     announces that this machine is about to be booted, so that it is no loss; then runs
#                                  the command and waits for the boot
#
# shellcheck shell=bash

if [ -z "${BASH_VERSION-}" ]; then
    echo "functions.sh needs bash: let the script begin with #!/bin/bash"
    exit 2
fi

exec 2>&1
set -o errtrace -o pipefail

_xrdtest_functions=${BASH_SOURCE[0]}

# Called for each command that fails outside of a condition: its text, then the exit codes of all commands of its
# pipeline. Writes to standard error, which is the script's output even where standard output is being captured.
_xrdtest_failed() {
    local code=$1 command=$2 codes=$3 file=${BASH_SOURCE[1]-} line=${BASH_LINENO[0]-}
    # A failure inside these functions is the failure of the command that they were given: they return its code, and
    # so it is reported at the place of the call.
    if [[ $file == "$_xrdtest_functions" ]]; then
        return 0
    fi
    # shellcheck disable=SC2016 # the text of the command, not its meaning
    if [[ $command == 'return "$_xrdtest_code"' ]]; then
        command=$_xrdtest_call
    elif [[ $codes == *' '* ]]; then
        command="… | $command"
        code="$code (of the pipeline's commands: $codes)"
    fi
    if [[ -z ${_xrdtest_expected-} ]]; then
        printf 'command [ %s ] failed with error code %s (%s, line %s)\n' \
            "$command" "$code" "${file##*/}" "$line" >&2
    fi
    exit "$1"
}
trap '_xrdtest_failed "$?" "$BASH_COMMAND" "${PIPESTATUS[*]}"' ERR

log() {
    printf '[%(%H:%M:%S)T] %s\n' -1 "$*"
}

# Puts the time of day before each line. bash alone reads a pipe byte by byte, so perl does it where there is perl.
_xrdtest_stamp_lines() {
    if command -v perl >/dev/null; then
        # shellcheck disable=SC2016 # these are perl's variables
        perl -pe 'BEGIN { $| = 1 } my @t = localtime; printf "[%02d:%02d:%02d] ", @t[2, 1, 0]'
    else
        local line
        while IFS= read -r line || [[ -n $line ]]; do
            log "$line"
        done
    fi
}

stamp() {
    "$@" 2>&1 | _xrdtest_stamp_lines
    _xrdtest_code=${PIPESTATUS[0]}
    _xrdtest_call="stamp $*"
    return "$_xrdtest_code"
}

assert_fail() {
    # In a subshell, because what fails there must not end the script; outside of a condition, because a shell
    # function must stop at its first failure there too.
    (
        _xrdtest_expected=yes
        "$@"
    )
    local code=$?
    if [[ $code -eq 0 ]]; then
        log "[ $* ] didn't fail."
        exit 1
    fi
    log "[ $* ] failed as expected, with error code $code."
}

wait_for() {
    local limit=$1 output code=0 end rest
    _xrdtest_call="wait_for $*"
    shift
    if ! [[ $limit =~ ^[0-9]+$ ]]; then
        log "wait_for: '$limit' is not a number of seconds."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    end=$((${EPOCHREALTIME//[.,]/} + limit * 1000000))
    while true; do
        rest=$((end - ${EPOCHREALTIME//[.,]/}))
        # A program that hangs must not outlast the limit. Shell functions can't be run by another program.
        if [[ $(type -t "$1") == file ]]; then
            output=$(timeout --kill-after=1 "$((rest > 0 ? rest / 1000000 + 1 : 1))" "$@" 2>&1) && return 0 || code=$?
        else
            output=$("$@" 2>&1) && return 0 || code=$?
        fi
        if [[ ${EPOCHREALTIME//[.,]/} -ge $end ]]; then
            break
        fi
        sleep 0.2
    done
    if [[ -n $output ]]; then
        printf '%s\n' "$output"
    fi
    log "[ $* ] did not succeed within $limit s (error code $code)."
    _xrdtest_code=$code
    return "$_xrdtest_code"
}

# Returns when the announcement and everything that the machine knows of this stage are on disk.
_xrdtest_announce_reboot() {
    if [[ -z ${XRDTEST_AGENT-} ]]; then
        echo 'only a script that xrdtest runs can announce a boot' >&2
        return 1
    fi
    "$XRDTEST_AGENT" announce-reboot
}

expect_reboot() {
    local words
    _xrdtest_call="expect_reboot $*"
    if ! words=$(_xrdtest_announce_reboot 2>&1); then
        log "expect_reboot: ${words#xrdtest-slave: }"
        _xrdtest_code=1
        return "$_xrdtest_code"
    fi
    log "The boot of this machine is announced."
    if [[ $# -eq 0 ]]; then
        return 0
    fi
    "$@" && _xrdtest_code=0 || _xrdtest_code=$?
    if [[ $_xrdtest_code -eq 0 ]]; then
        # The script must not end before the machine does.
        sleep infinity
    fi
    return "$_xrdtest_code"
}
