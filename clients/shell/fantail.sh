# Functions for Fantail's control port, for any POSIX shell:
#
#     fantail_control=/run/fantail/control.sock
#     . ./fantail.sh
#     fantail_publish /backup "done"
#
# fantail_control is the path of the socket, or host:port with the secret in fantail_secret.
# Needs nc with -U (netcat-openbsd) or socat. Each function ends with 0 if the server
# acknowledged, 3 if it said no, 1 if it could not be asked. Commands that need to keep a
# connection (events, long streams) are those of `fantail ctl`.

# fantail_length TEXT: how many bytes it has. In the C locale a character is a byte.
fantail_length() (
    LC_ALL=C
    export LC_ALL
    printf %s "${#1}"
)

# fantail_frame LETTER [PAYLOAD]: a frame, <length><letter><payload>.
fantail_frame() {
    printf '%s%s%s' "$(fantail_length "${2-}")" "$1" "${2-}"
}

# fantail_frame_file LETTER PREFIX FILE: a frame whose payload is PREFIX and what is in FILE, which
# may be binary. A letter for binary messages is in upper case.
fantail_frame_file() {
    printf '%s%s%s' "$(($(fantail_length "$2") + $(wc -c <"$3")))" "$1" "$2" && cat -- "$3"
}

# fantail_connection: standard input goes to the server, its answers to standard output.
fantail_connection() {
    if command -v nc >/dev/null && nc -h 2>&1 | grep -q -e '-[0-9A-Za-z]*U'; then
        case $fantail_control in
        /* | ./*) nc -U "$fantail_control" ;;
        *) nc "${fantail_control%:*}" "${fantail_control##*:}" ;;
        esac
    else
        case $fantail_control in
        /* | ./*) socat -t 10 - "UNIX-CONNECT:$fantail_control" ;;
        *) socat -t 10 - "TCP:$fantail_control" ;;
        esac
    fi
}

# fantail_exchange: frames from standard input; prints the answers. The q at the end lets the
# server close when it has answered everything.
fantail_exchange() {
    {
        [ -z "${fantail_secret-}" ] || fantail_frame h "$fantail_secret"
        cat
        printf 0q
    } | fantail_connection | {
        # The answer to the secret comes first: 0a, or 0E if it is wrong.
        [ -z "${fantail_secret-}" ] || [ "$(dd bs=1 count=2 2>/dev/null)" = 0a ] || exit 1
        cat
    }
}

# fantail_request LETTER [PAYLOAD]: sends one frame, prints its answer as it is.
fantail_request() {
    fantail_frame "$@" | fantail_exchange
}

# fantail_payload ANSWER: what an answer says, without its length and letter.
fantail_payload() {
    fantail_rest=${1#"${1%%[!0-9]*}"}
    printf %s "${fantail_rest#?}"
}

# fantail_conclude ANSWER: the exit code for an answer; complains about a no that has a reason.
fantail_conclude() {
    case ${1#"${1%%[!0-9]*}"} in
    n?*)
        echo "fantail: $(fantail_payload "$1")" >&2
        return 3
        ;;
    [Nn]*) return 3 ;;
    [!E]*) return 0 ;;
    *)
        echo "fantail: no answer from $fantail_control, or an error" >&2
        return 1
        ;;
    esac
}

# fantail_ask_for LETTER [PAYLOAD]: prints what the answer says.
fantail_ask_for() {
    fantail_answer=$(fantail_request "$@")
    fantail_conclude "$fantail_answer" || return
    fantail_payload "$fantail_answer"
}

# fantail_do LETTER [PAYLOAD]: only the exit code counts.
fantail_do() {
    fantail_conclude "$(fantail_request "$@")"
}

# fantail_broadcast TEXT: to all ws(s)on clients. The pong shows that the server took it.
fantail_broadcast() {
    fantail_conclude "$({
        fantail_frame b "$1"
        fantail_frame p
    } | fantail_exchange)"
}

# fantail_send TOKEN TEXT: to one ws(s)on client; 3 if it is not there.
fantail_send() {
    fantail_do c "$1$2"
}

# fantail_ask TOKEN: whether a ws(s)on client is there; 3 if not.
fantail_ask() {
    fantail_do c "$1"
}

# fantail_stream TOKEN: the lines of standard input as one message in fragments, as they come. For
# an input that pauses for more than 15 seconds there is `fantail ctl stream`.
fantail_stream() {
    fantail_answer=$({
        fantail_frame l "$1"
        fantail_part=f
        while IFS= read -r fantail_line || [ -n "$fantail_line" ]; do
            fantail_frame "$fantail_part" "$fantail_line
"
            fantail_part=i
        done
        [ "$fantail_part" = i ] || fantail_frame f
        fantail_frame s
    } | fantail_exchange)
    case $fantail_answer in
    "32A$1"*0n*) return 3 ;;
    *) fantail_conclude "$fantail_answer" ;;
    esac
}

# fantail_publish CHANNEL TEXT: to a topic, or to a channel of another dialect; prints how many
# receive it.
fantail_publish() {
    fantail_ask_for t "$1
$2" && echo
}

# fantail_publish_file CHANNEL FILE: the same with a binary message.
fantail_publish_file() {
    fantail_answer=$(fantail_frame_file T "$1
" "$2" | fantail_exchange)
    fantail_conclude "$fantail_answer" || return
    fantail_payload "$fantail_answer" && echo
}

# fantail_who [FILTER]: a line of JSON for each connection.
fantail_who() {
    fantail_answer=$(fantail_ask_for w "${1-}") || return
    [ -z "$fantail_answer" ] || printf '%s\n' "$fantail_answer"
}

# fantail_status: how the server is, as JSON.
fantail_status() {
    fantail_ask_for g && echo
}

# fantail_kick TOKEN|#ID: disconnects a client; 3 if there is none.
fantail_kick() {
    fantail_do k "$1"
}

# fantail_domain: the listener with the fewest connections.
fantail_domain() {
    fantail_ask_for m && echo
}

# fantail_reload: lets the server read its configuration again.
fantail_reload() {
    fantail_do r
}

# fantail_drain: lets the server close all connections and end.
fantail_drain() {
    fantail_do e
}
