#!/bin/sh
# Installs the service on a machine with systemd. Run again from a newer checkout, it brings it up to date.
# What there is to say of it stands in README.md beside this file.
set -eu
umask 022

app=/opt/digest
settings=/etc/digest
data=/var/lib/digest
units=/etc/systemd/system
command=/usr/local/bin/digest
user=digest
here=$(cd -- "$(dirname -- "$0")/.." && pwd)

usage() {
    cat <<'END'
usage: deploy/install.sh [OPTION…]      as root

  --timer        run once an hour by a timer (digest-run.timer) instead of all the time (digest.service);
                 where the latter is installed already, switch over
  --postgres     with what a PostgreSQL database needs
  --no-start     lay everything out, but start nothing
  --python PATH  the Python (3.11 or newer) to install with; else python3
  --root DIR     install into a folder that becomes a machine's root later; calls no systemctl
  --uninstall    remove program and units; settings, data and the user stay
  --purge        with --uninstall: remove those too, every reader and paper included
END
}

say() { printf '%s\n' "$*" >&2; }

die() {
    say "install.sh: $*"
    exit 2
}

# systemd is at work on the machine that is installed on.
is_running() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

has_user() { [ -f "$root/etc/passwd" ] && grep -q "^$user:" "$root/etc/passwd"; }

# own PATH…: let root and the service's group own it; the group's number is the installed machine's.
own_by_group() {
    [ "$(id -u)" -eq 0 ] && has_user || return 0
    chown "0:$(awk -F: -v name="$user" '$1 == name { print $3 }' "$root/etc/group")" "$@"
}

check_python() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "$python is no Python 3.11 or newer: install one, or name it with --python"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "this Python cannot make environments: apt install python3-venv"
}

make_user() {
    has_user && return
    if [ -n "$root" ] && [ ! -f "$root/etc/passwd" ]; then
        say "no user made: $root has no users yet; useradd --system --user-group $user makes it later"
        return
    fi
    useradd ${root:+--prefix "$root"} --system --user-group --home-dir "$data" --no-create-home \
        --shell /usr/sbin/nologin "$user"
}

# Into a folder of its own: until the last step the version of before is whole, and stays to go back to.
make_release() {
    new=$app/releases/$(date -u +%Y%m%dT%H%M%SZ)
    [ ! -e "$root$new" ] || die "$root$new is there already; try again in a second"
    release=$new
    say "installing into $root$release (a minute or two)"
    mkdir -p -- "$root$app/releases"
    PYTHON=$python sh "$here/deploy/make-venv.sh" "$root$release" "$pins" ||
        die "the requirements could not be installed (is the package index reachable?); nothing was changed"
    if [ -z "$root" ] && ! runuser -u "$user" -- "$release/bin/python" -c '' 2>/dev/null; then
        die "the user $user may not run $python: it lies where only others may look; name another with --python"
    fi
    # What lies in a folder now has its place at the root later.
    if [ -n "$root" ]; then
        grep -rlI -- "$root$app" "$root$release/bin" "$root$release/pyvenv.cfg" | while IFS= read -r file; do
            sed -i "s|$root$app|$app|g" "$file"
        done
    fi
}

# The name of the release in use, if there is one.
release_in_use() { basename -- "$(readlink "$root$app/current" 2>/dev/null)"; }

switch_release() {
    before=$(release_in_use)
    ln -sfn "releases/${release##*/}" "$root$app/current.new"
    mv -T -- "$root$app/current.new" "$root$app/current"
}

# This one and the one before stay.
drop_releases() {
    for old in "$root$app/releases"/*; do
        case ${old##*/} in
            "${release##*/}" | "$before") ;;
            *) rm -rf -- "$old" ;;
        esac
    done
}

# However it ends: what was stopped works again, and a release that was not taken into use is gone.
clean_up() {
    code=$?
    trap - EXIT
    trap '' HUP INT TERM
    if [ -n "$release" ] && [ "$(release_in_use)" != "${release##*/}" ]; then rm -rf -- "$root$release" || :; fi
    if [ -n "$active" ]; then
        say "starting again what was stopped:$active"
        start_units || :
    fi
    exit "$code"
}

write_settings() {
    install -d -m 0755 "$root$settings"
    install -d -m 0750 "$root$settings/secrets"
    own_by_group "$root$settings/secrets"
    install -m 0644 "$here/digest.example.toml" "$root$settings/digest.example.toml"
    [ -e "$root$settings/digest.toml" ] || cat >"$root$settings/digest.toml" <<'END'
# The service's settings; digest.example.toml beside this file has them all. After a change: systemctl restart digest
# Secrets are files in secrets/ that are named after their setting, such as secrets/smtp_url.

#list_name = "Paper digest"
#mail_from = "digest@example.org"            # needed once there is secrets/smtp_url
#operator_address = "you@example.org"        # who is told when something fails
#base_url = "https://digest.example.org"     # where a reverse proxy serves the web
END
    install -d -m 0700 "$root$data"
    if [ "$(id -u)" -eq 0 ] && has_user; then
        chown "$(awk -F: -v name="$user" '$1 == name { print $3 ":" $4 }' "$root/etc/passwd")" "$root$data"
    fi
}

write_command() {
    install -d -m 0755 "$root${command%/*}"
    cat >"$root$command.new" <<END
#!/bin/sh
# digest as the service's user, with the service's settings and secrets.
set -eu
if [ "\$(id -un)" != $user ]; then
    [ "\$(id -u)" -eq 0 ] || { echo "digest: run it as root: sudo digest" >&2; exit 2; }
    exec runuser -u $user -- "\$0" "\$@"
fi
export HOME=$data DIGEST_DATA_DIR=$data DIGEST_CONFIG=$settings/digest.toml CREDENTIALS_DIRECTORY=$settings/secrets
# A folder that this user may not enter holds nothing for it.
{ [ -r . ] && [ -x . ]; } || cd $data
exec $app/current/bin/digest "\$@"
END
    chmod 0755 "$root$command.new"
    mv -- "$root$command.new" "$root$command"
}

write_units() {
    install -d -m 0755 "$root$units"
    install -m 0755 "$here/deploy/tell-failure" "$root$app/tell-failure"
    for unit in "$here"/deploy/digest*.service "$here"/deploy/digest*.timer; do
        install -m 0644 "$unit" "$root$units/${unit##*/}"
    done
}

installed_units() {
    for unit in digest.service digest-run.timer digest-bounces.timer; do
        [ ! -e "$units/$unit" ] || printf '%s\n' "$unit"
    done
}

# stop_units: those that were at work, or between two tries to be, in $active.
stop_units() {
    active=
    is_running || return 0
    for unit in $(installed_units); do
        case $(systemctl show --property=ActiveState --value "$unit") in
            active | activating | reloading)
                active="$active $unit"
                systemctl stop "$unit"
                ;;
        esac
    done
    # A run that a timer started goes on until it is done.
    systemctl stop digest-run.service digest-bounces.service 2>/dev/null || :
}

start_units() {
    starting=$active active='' failed=''
    for unit in $starting; do systemctl start "$unit" || failed=yes; done
    [ -z "$failed" ]
}

# By the version that is there still; one that has no such command made no backups either.
back_up() {
    [ -z "$root" ] && [ -e "$data/digest.db" ] && [ -x "$command" ] || return 0
    "$command" backup --help >/dev/null 2>&1 || return 0
    say "backing up"
    "$command" backup >&2 || die "the backup failed, so nothing was changed: see what it said, and run this again"
}

enable_units() {
    [ -z "$root" ] || return 0
    command -v systemctl >/dev/null || return 0
    ! is_running || systemctl daemon-reload
    if [ "$was_there$wanted$start" = yesdigest-run.timeryes ]; then
        systemctl disable digest.service
        active=$(printf '%s' "$active" | sed 's/ digest\.service//; s/ digest-run\.timer//')
        switch_on "$wanted"
    elif [ "$was_there" = no ] && [ "$start" = yes ]; then
        switch_on "${wanted:-digest.service}"
    elif [ -z "$active" ]; then
        say "nothing started; systemctl enable --now ${wanted:-digest.service} starts it"
    fi
    [ -z "$active" ] || start_units
}

switch_on() {
    if is_running; then systemctl enable --now "$1"; else systemctl enable "$1"; fi
}

uninstall() {
    if [ -z "$root" ] && command -v systemctl >/dev/null; then
        for unit in $(installed_units); do
            if is_running; then systemctl disable --now "$unit"; else systemctl disable "$unit"; fi
        done
    fi
    rm -f -- "$root$units"/digest.service "$root$units"/digest-run.* "$root$units"/digest-bounces.* \
        "$root$units"/digest-failed@.service "$root$command"
    rm -rf -- "$root$app"
    ! is_running || systemctl daemon-reload
    if [ "$purge" = no ]; then
        say "removed; $settings, $data and the user $user stay (--uninstall --purge removes them too)"
        return
    fi
    rm -rf -- "$root$settings" "$root$data"
    ! has_user || userdel ${root:+--prefix "$root"} "$user"
    say "removed, with settings, data and user"
}

root='' python=python3 pins=run wanted='' start=yes action=install purge=no active='' release=''
while [ $# -gt 0 ]; do
    case $1 in
        --timer) wanted=digest-run.timer ;;
        --postgres) pins=postgres ;;
        --no-start) start=no ;;
        --python | --root)
            [ $# -ge 2 ] || die "$1 needs a value"
            if [ "$1" = --root ]; then root=$2; else python=$2; fi
            shift
            ;;
        --uninstall) action=uninstall ;;
        --purge) purge=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            die "there is no option $1"
            ;;
    esac
    shift
done
if [ -n "$root" ]; then
    [ -d "$root" ] || die "$root is no folder"
    root=$(cd -- "$root" && pwd)
    [ "$root" != / ] || root=''
fi
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || die "only root can install a service: sudo $0"
[ "$purge" = no ] || [ "$action" = uninstall ] || die "--purge goes with --uninstall only"

if [ "$action" = uninstall ]; then
    uninstall
    exit 0
fi
check_python
was_there=no
[ ! -e "$root$units/digest.service" ] || was_there=yes
make_user
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
make_release
stop_units
back_up
write_settings
write_command
write_units
# Last, so that what fails before leaves the version that is there in use.
switch_release
enable_units
drop_releases
say "installed. Next: $settings/digest.toml, then: digest doctor"
