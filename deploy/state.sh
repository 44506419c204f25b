#!/bin/sh
# Keeps the data of runs on machines that are thrown away in a branch of a git repository, encrypted.
#   state.sh restore   lay out what the branch holds; where there is no branch, begin with nothing
#   state.sh claim     before sending: keep a copy in which all mail that is due counts as perhaps sent
#   state.sh save      keep what is there now
# Whoever pushed since restore wins: then claim and save change nothing and fail. The branch has one commit, so it
# does not grow. DIGEST_DATA_DIR is the data, STATE_PASSPHRASE encrypts it, STATE_WORK is a folder for what is
# needed meanwhile; STATE_REMOTE (origin) and STATE_BRANCH (digest-state) say where. See docs/github-actions.md.
set -eu
umask 077

remote=${STATE_REMOTE:-origin}
branch=refs/heads/${STATE_BRANCH:-digest-state}
work=${STATE_WORK:?is to name a folder for what is needed meanwhile}
data=${DIGEST_DATA_DIR:?is to name the folder of the data}
lease=$work/lease

die() {
    printf 'state.sh: %s\n' "$*" >&2
    exit 1
}

[ -n "${STATE_PASSPHRASE:-}" ] || die "STATE_PASSPHRASE is empty: add the secret of that name to the repository"
mkdir -p -- "$work"
# Short, since a socket lies in it.
GNUPGHOME=$(mktemp -d /tmp/gpg.XXXXXX)
export GNUPGHOME
trap 'gpgconf --kill all >/dev/null 2>&1 || :; rm -rf -- "$GNUPGHOME" "$work/copy" "$work/packed"' EXIT

crypt() {
    printf '%s' "$STATE_PASSPHRASE" |
        gpg --batch --quiet --yes --pinentry-mode loopback --passphrase-fd 0 --output "$2" "$3" "$1"
}

restore() {
    rm -f -- "$lease"
    code=0
    found=$(git ls-remote --exit-code "$remote" "$branch") || code=$?
    # 2: there is no such branch. Anything else is no reason to begin anew.
    [ "$code" -eq 0 ] || [ "$code" -eq 2 ] || die "the repository cannot be reached, so nothing is begun"
    mkdir -p -- "$data" "$work/packed"
    [ -z "$(ls -A -- "$data")" ] || die "$data is not empty"
    if [ -n "$found" ]; then
        git fetch --quiet --depth 1 --no-tags "$remote" "$branch"
        [ "$(git rev-parse FETCH_HEAD)" = "${found%%[!0-9a-f]*}" ] || die "another run is at work"
        git cat-file blob FETCH_HEAD:data.tar.gz.gpg >"$work/packed/in"
        crypt "$work/packed/in" "$work/packed/tar" --decrypt ||
            die "the data cannot be decrypted: is STATE_PASSPHRASE what it was?"
        tar -xzf "$work/packed/tar" -C "$data"
    fi
    # Only who has what was there may put something in its place.
    printf '%s' "${found%%[!0-9a-f]*}" >"$lease"
}

# keep FOLDER: it becomes the branch, if the branch is still what was restored or kept last.
keep() {
    [ -f "$lease" ] || die "nothing was restored, so nothing is kept"
    mkdir -p -- "$work/packed"
    # Backups of it within it would only be carried about.
    tar -czf "$work/packed/tar" -C "$1" --exclude=./backups .
    crypt "$work/packed/tar" "$work/packed/out" --symmetric
    blob=$(git hash-object -w "$work/packed/out")
    tree=$(printf '100644 blob %s\tdata.tar.gz.gpg\n' "$blob" | git mktree)
    commit=$(git -c user.name=digest -c user.email=digest@localhost commit-tree -m "The data after a run" "$tree")
    for pause in 2 10 30 ''; do
        if git push --quiet --force-with-lease="$branch:$(cat "$lease")" "$remote" "$commit:$branch"; then
            there=$commit
        else
            there=$(git ls-remote "$remote" "$branch") || there=$(cat "$lease")
        fi
        case ${there%%[!0-9a-f]*} in
            # It may have arrived without an answer.
            "$commit")
                printf '%s' "$commit" >"$lease"
                return
                ;;
            "$(cat "$lease")") ;;
            *) die "another run has kept its data meanwhile; nothing of this one is kept" ;;
        esac
        [ -z "$pause" ] || sleep "$pause"
    done
    die "the data could not be kept: the repository does not take it"
}

claim() {
    rm -rf -- "$work/copy"
    cp -a -- "$data" "$work/copy"
    DIGEST_DATA_DIR=$work/copy digest deliveries presume
    keep "$work/copy"
}

case ${1:-} in
    restore) restore ;;
    claim) claim ;;
    save) keep "$data" ;;
    *) die "usage: state.sh restore|claim|save" ;;
esac
