#!/bin/sh
# Makes a backup and tells everybody who watches the topic /backup how it goes:
#
#     fantail sub ws://127.0.0.1:7328/backup &
#     ./backup.sh ~/documents /tmp/documents.tar
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 DIRECTORY ARCHIVE" >&2
    exit 2
fi

# The path of the control socket, if it is not where a server of this user has it.
: "${fantail_control:=${XDG_RUNTIME_DIR:-/run}/fantail/control.sock}"
. "$(dirname "$0")/../fantail.sh"

tell() {
    # That nobody is told must not stop the backup.
    fantail_publish /backup "$1" >/dev/null || echo "$0: nobody was told: $1" >&2
}

tell "begins: $1"
if tar -cf "$2" -C "$1" .; then
    tell "done: $(wc -c <"$2") bytes"
else
    tell "failed: $1"
    exit 1
fi
