# Functions for the scripts of test suites. Use them like this:
#
#     #!/bin/bash
#     source /etc/XrdTest/utils/functions.sh
#
# Sourcing this file merges standard error into standard output, and ends the script at the first command that fails,
# with that command's exit code and a line that names it. A pipeline fails when any of its commands does. Commands in
# conditions (`if command`, `command || …`, `! command`) may fail.
#
# What stands behind ## is the reference (docs/stdlib.md). Names that begin with _xrdtest are nobody else's business.
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
    if [[ $command == 'return "$_xrdtest_code"' || $command == 'return "$_xrdtest_elsewhere"' ]]; then
        command=$_xrdtest_call
    elif [[ $codes == *' '* ]]; then
        command="… | $command"
        code="$code (of the pipeline's commands: $codes)"
    fi
    if [[ -z ${_xrdtest_expected-} ]]; then
        printf 'command [ %s ] failed with error code %s (%s, line %s)\n' \
            "$command" "$code" "${file##*/}" "$line" >&2
    fi
    _xrdtest_reported=yes
    exit "$1"
}
trap '_xrdtest_failed "$?" "$BASH_COMMAND" "${PIPESTATUS[*]}"' ERR

## log WORDS…
##
## Prints the words with the time of day: `[10:49:20] Starting cmsd`.
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

## stamp COMMAND…
##
## Runs the command and puts the time of day before each line of its output. Its exit code is the command's.
##
##     stamp xrdcp --nopbar /tmp/file root://ds1.xrd.test//data/file
stamp() {
    "$@" 2>&1 | _xrdtest_stamp_lines
    _xrdtest_code=${PIPESTATUS[0]}
    _xrdtest_call="stamp $*"
    return "$_xrdtest_code"
}

## run COMMAND…
##
## Runs the command and prints nothing where it succeeds; where it fails, or is ended because the time is over, all that
## it wrote. Its exit code is the command's.
##
##     run apt-get install -y xrootd-server
run() {
    local written shown file previous
    _xrdtest_call="run $*"
    if ! file=$(mktemp); then
        # Without room for the output it can't be kept back.
        ("$@")
        _xrdtest_code=$?
        return "$_xrdtest_code"
    fi
    exec {written}>"$file"
    exec {shown}<"$file"
    rm -f "$file"
    previous=$(trap -p TERM)
    # shellcheck disable=SC2064 # the number of the descriptor as it is now
    [[ -n $previous ]] || trap "_xrdtest_show $shown; trap - TERM; kill -TERM \$BASHPID" TERM
    # In a subshell, because a function that fails ends the shell, which still has something to say; outside of a
    # condition, because a function must stop at its first failure.
    ("$@") >&"$written" 2>&1 {written}>&- {shown}<&-
    _xrdtest_code=$?
    [[ -n $previous ]] || trap - TERM
    [[ $_xrdtest_code -eq 0 ]] || _xrdtest_show "$shown"
    exec {written}>&- {shown}<&-
    return "$_xrdtest_code"
}

_xrdtest_show() { cat <&"$1"; }

## assert_fail COMMAND…
##
## Succeeds where the command fails; where it succeeds, ends the script with code 1.
##
##     assert_fail xrdfs ds1.xrd.test stat /data/no_such_file
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

## wait_for SECONDS COMMAND…
##
## Runs the command again and again until it succeeds, with pauses of 0.2 s. When the time is over, prints the command's
## last output and that it did not succeed in time, and fails with its exit code. A program that hangs is ended then, a
## shell function is not.
##
##     wait_for 20 xrdfs ds1.xrd.test query config role
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

## role NAME…
##
## Whether this machine has one of the names: the full or short name of its host, an alias, or a pattern such as `ds*`.
## For use in conditions.
##
##     role 'ds*' && start xrootd
##     if role manager1 manager2; then start cmsd; fi
##
## Where a script ends with `role … && …` and the machine is another one, the script has passed.
role() {
    local own name
    _xrdtest_call="role $*"
    if [[ -z ${XRDTEST_MACHINE-} ]]; then
        log "role: only a script that xrdtest runs has a role."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    for own in "$XRDTEST_MACHINE" ${XRDTEST_ALIASES-}; do
        for name in "$@"; do
            # shellcheck disable=SC2053 # a pattern
            if [[ $own == $name || ${own%%.*} == $name ]]; then
                return 0
            fi
        done
    done
    _xrdtest_elsewhere=1
    return "$_xrdtest_elsewhere"
}

# A script whose last command is `role … && …` has nothing more to do on another machine, which is no failure.
_xrdtest_end() {
    # shellcheck disable=SC2016 # the text of the command, not its meaning
    if [[ $1 -eq 1 && $2 == 'return "$_xrdtest_elsewhere"' && -z ${_xrdtest_reported-} ]]; then
        exit 0
    fi
}
# A trap of the script's own counts more.
[[ -n $(trap -p EXIT) ]] || trap '_xrdtest_end "$?" "$BASH_COMMAND"' EXIT

## fetch PATH [TO]
##
## Fetches a file of the run's repository, by its path from the repository's root, into this folder or to the file or
## folder TO. Where the engine is out of reach it is tried again for a while; a file that can't be had is named with the
## reason. The file appears whole or not at all.
##
##     fetch clusters/cluster_001_mm/xrootd.cfg /etc/xrootd/
fetch() {
    local path=${1-} to=${2-.}
    _xrdtest_call="fetch $*"
    _xrdtest_code=1
    if [[ -z $path || $# -gt 2 ]]; then
        log "fetch: give it the path of a file in the repository, and perhaps where to put it."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    if [[ -z ${XRDTEST_FILES-} ]]; then
        log "fetch: this machine has no way to the run's repository: a physical machine, or not run by xrdtest."
        return "$_xrdtest_code"
    fi
    if [[ -d $to ]]; then
        to=${to%/}/${path##*/}
    fi
    _xrdtest_obtain fetch "$path" "/downloadScript/$(_xrdtest_escaped "$path")" "$to" || return "$_xrdtest_code"
}

# Gets something into a file, again and again where the engine is away: the function's name, what it is, its address, the
# file, and perhaps a file to be sent.
_xrdtest_obtain() {
    local name=$1 what=$2 address=$3 to=$4 sent=${5-} part status='' words='' end
    _xrdtest_code=1
    part=$to.fetching.$BASHPID
    if ! { : >"$part"; } 2>/dev/null; then
        log "$name: $to can't be written."
        return 1
    fi
    end=$((SECONDS + ${_xrdtest_patience:-30}))
    while true; do
        status=$(_xrdtest_get "$address" "$part" "$sent" 2>/dev/null) || true
        case $status in
        200)
            if mv -f "$part" "$to"; then
                return 0
            fi
            break
            ;;
        4??)
            break
            ;;
        esac
        if [[ $SECONDS -ge $end ]]; then
            break
        fi
        sleep 1
    done
    if [[ ${status:-200} != 200 ]]; then
        words=$(head -c 500 "$part" | head -n 1) || true
    fi
    rm -f "$part"
    case $status in
    '') log "$name: $what can't be had: $XRDTEST_FILES does not answer." ;;
    200) log "$name: $to can't be written." ;;
    *) log "$name: $what can't be had: ${words:-the engine refuses it} (status $status)." ;;
    esac
    return 1
}

# A path as part of an address.
_xrdtest_escaped() {
    local LC_ALL=C text=$1 at character
    for ((at = 0; at < ${#text}; at++)); do
        character=${text:at:1}
        case $character in
        [A-Za-z0-9/._~-]) printf %s "$character" ;;
        *) printf '%%%02X' "$(($(printf %d "'$character") & 255))" ;;
        esac
    done
}

# Gets an address into a file by what the machine has, and prints the status of the answer; nothing where there was none,
# or it broke off. A third file, where there is one, is sent.
_xrdtest_get() {
    local headers status more=()
    if command -v curl >/dev/null; then
        [[ -z $3 ]] || more=(-H 'Content-Type: application/octet-stream' --data-binary "@$3")
        status=$(curl -sS --noproxy '*' --max-time 120 "${more[@]}" -o "$2" -w '%{http_code}' "$XRDTEST_FILES$1") ||
            return 1
        printf %s "$status"
    elif command -v wget >/dev/null; then
        [[ -z $3 ]] || more=("--post-file=$3")
        headers=$(LC_ALL=C no_proxy='*' wget -S -T 120 -t 1 "${more[@]}" -O "$2" "$XRDTEST_FILES$1" 2>&1) ||
            [[ $headers == *'HTTP/1'*' '[45]??* ]] || return 1
        sed -n 's|^ *HTTP/1[.0-9]* \([0-9]*\).*|\1|p' <<<"$headers" | tail -n 1
    else
        _xrdtest_get_by_bash "$1" "$2" "$3"
    fi
}

_xrdtest_get_by_bash() {
    local place=${XRDTEST_FILES#*://} socket line status length=''
    exec {socket}<>"/dev/tcp/${place%:*}/${place##*:}" || return 1
    if [[ -z $3 ]]; then
        printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" "$place" >&"$socket"
    else
        printf 'POST %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %s\r\n\r\n' \
            "$1" "$place" "$(($(wc -c <"$3")))" >&"$socket"
        cat "$3" >&"$socket"
    fi
    IFS=' ' read -r -t 120 _ status _ <&"$socket" || return 1
    while IFS= read -r -t 120 line <&"$socket" && line=${line%$'\r'} && [[ -n $line ]]; do
        line=${line,,}
        if [[ $line == content-length:* ]]; then
            length=${line//[!0-9]/}
        fi
    done
    cat <&"$socket" >"$2"
    exec {socket}>&-
    [[ -z $length || $(wc -c <"$2") -eq $length ]] || return 1
    printf %s "$status"
}

# Whether this machine can ask the engine: the function's name.
_xrdtest_may_ask() {
    _xrdtest_code=1
    if [[ -z ${XRDTEST_FILES-} ]]; then
        log "$1: this machine has no way to the engine: a physical machine, or not run by xrdtest."
        return 1
    fi
}

## get_ca_certificate FILE
##
## Puts the certificate (PEM) of the run's own certificate authority into the file: whoever believes it believes the
## certificates of this run, and of no other. See [certificates and keys](scripts.md#certificates-and-keys).
##
##     get_ca_certificate /etc/grid-security/certificates/run.pem
get_ca_certificate() {
    _xrdtest_call="get_ca_certificate $*"
    if [[ $# -ne 1 || -z $1 ]]; then
        log "get_ca_certificate: give it the file to be written."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    _xrdtest_may_ask get_ca_certificate || return "$_xrdtest_code"
    _xrdtest_obtain get_ca_certificate "the CA's certificate" /getTrustedCACertificate "$1" || return "$_xrdtest_code"
}

## get_signed_certificate CSR FILE
##
## Has a certificate signing request (PEM) signed by the run's certificate authority, and puts the certificate into the
## file. The names in it must be this machine's own, in the subject nothing but a CN.
##
##     openssl req -new -newkey rsa:2048 -nodes -keyout host.key -subj "/CN=@slavename@" -out host.csr
##     get_signed_certificate host.csr host.pem
get_signed_certificate() {
    _xrdtest_call="get_signed_certificate $*"
    if [[ $# -ne 2 || -z $1 || -z $2 ]]; then
        log "get_signed_certificate: give it the file of a certificate signing request, and the file to be written."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    _xrdtest_may_ask get_signed_certificate || return "$_xrdtest_code"
    if [[ ! -r $1 ]]; then
        log "get_signed_certificate: $1 can't be read."
        return "$_xrdtest_code"
    fi
    _xrdtest_obtain get_signed_certificate "a certificate for $1" /getSignedCertificate "$2" "$1" ||
        return "$_xrdtest_code"
}

## get_sss_keytable FILE
##
## Puts a key table for XRootD's protocol sss into the file, readable for its owner only, as XRootD demands. It holds one
## key, the same for all machines of the run.
##
##     get_sss_keytable /etc/xrootd/sss.keytab
##     chown xrootd /etc/xrootd/sss.keytab
get_sss_keytable() {
    local previous
    _xrdtest_call="get_sss_keytable $*"
    if [[ $# -ne 1 || -z $1 ]]; then
        log "get_sss_keytable: give it the file to be written."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    _xrdtest_may_ask get_sss_keytable || return "$_xrdtest_code"
    previous=$(umask)
    umask 077
    _xrdtest_obtain get_sss_keytable "the key table" /getSSSKeytable "$1" && _xrdtest_code=0
    umask "$previous"
    return "$_xrdtest_code"
}

# Tells the supervisor: the function's name, a command of the agent's program, its words.
_xrdtest_tell() {
    local name=$1 words
    shift
    if [[ -z ${XRDTEST_AGENT-} ]]; then
        log "$name: only a script that xrdtest runs can do that."
        _xrdtest_code=1
        return 1
    fi
    if ! words=$("$XRDTEST_AGENT" "$@" 2>&1); then
        log "$name: ${words#xrdtest-slave: }"
        _xrdtest_code=1
        return 1
    fi
}

## artifact PATH…
##
## Keeps files with the run as they are now, whatever becomes of them on the machine. `xrdtest show` lists them,
## `xrdtest logs RUN --artifact PATH` prints one. A stage keeps up to 100 files of a machine, none larger than a
## collected log may be (64 MiB). The same path again takes the place of the first.
##
##     artifact /tmp/report.xml /tmp/trace.json
artifact() {
    _xrdtest_call="artifact $*"
    if [[ $# -eq 0 ]]; then
        log "artifact: give it the path of a file."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    _xrdtest_tell artifact keep -- "$@" || return "$_xrdtest_code"
}

## metric NAME VALUE [UNIT]
##
## States a number, which is kept with the result of the stage: up to 1,000 per stage and machine. A name begins with a
## letter and has at most 64 letters, digits and characters of `_.:/-`; a unit has at most 16 characters, no blanks.
##
##     metric copy.rate 812.4 MB/s
metric() {
    _xrdtest_call="metric $*"
    if [[ $# -lt 2 || $# -gt 3 ]]; then
        log "metric: give it a name, a number and perhaps a unit."
        _xrdtest_code=2
        return "$_xrdtest_code"
    fi
    _xrdtest_tell metric measure -- "$@" || return "$_xrdtest_code"
}

# Returns when the announcement and everything that the machine knows of this stage are on disk.
_xrdtest_announce_reboot() {
    if [[ -z ${XRDTEST_AGENT-} ]]; then
        echo 'only a script that xrdtest runs can announce a boot' >&2
        return 1
    fi
    "$XRDTEST_AGENT" announce-reboot
}

## expect_reboot [COMMAND…]
##
## Announces that this machine is about to be booted, so that it is no loss; then runs the command and waits for the
## boot. See [booting a machine](scripts.md#booting-a-machine).
##
##     expect_reboot systemctl reboot
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
