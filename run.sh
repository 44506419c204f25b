#!/usr/bin/env bash
# The workflow of this project. Every verb first makes .venv and installs the pinned requirements,
# if that has not been done or they have changed; ./run.sh alone lists the verbs.
set -euo pipefail
# The second is what containers often set; then each of the tests' many processes compiles the program anew.
unset CDPATH PYTHONDONTWRITEBYTECODE
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

usage() {
    cat <<'END'
usage: ./run.sh VERB [ARGUMENTS]

  demo     run the whole job over five invented days, on this machine alone
  test     all checks and tests: lint, types, import contracts, tests, the wheel
  lint     ruff (rules and formatting) and the import contracts
  types    mypy, strict
  cov      the tests, with branch coverage printed
  e2e      tests against real servers; each says why if it is skipped (--full: the kill test at every call, hours)
  bench    measure: ./run.sh bench lists what there is, ./run.sh bench NAME runs one
  docs     build the documentation into .cache/docs; a warning is an error
  serve    run the scheduler in the foreground
  words    extract what readers read, and bring the catalogues of digest/locales up to date with it
  pins     make requirements/*.txt anew from pyproject.toml (needs uv; --upgrade for newer versions)

ARGUMENTS are handed on: ./run.sh test -k diff, ./run.sh lint --fix. PYTHON=… names the Python to use.
END
}

say() { printf '%s\n' "$*" >&2; }

die() {
    say "run.sh: $*"
    exit 2
}

# quietly COMMAND…: run it; show what it printed only if it fails.
quietly() {
    local log code=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if [ "$code" -ne 0 ]; then
        say "failed: $*"
        cat -- "$log" >&2
    fi
    rm -f -- "$log"
    return "$code"
}

find_python() {
    local candidate found=""
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        command -v -- "$candidate" >/dev/null 2>&1 || continue
        found=${found:-$("$candidate" --version 2>&1)}
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            return
        fi
    done
    die "Python 3.11 or newer is needed; found: ${found:-none}. Install one, or name it: PYTHON=/path/to/python3 ./run.sh …"
}

# install SET: what requirements/SET.txt pins, and this project.
install() {
    local pip=(.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input)
    quietly "${pip[@]}" --require-hashes -r "requirements/$1.txt" || return
    quietly "${pip[@]}" --no-deps --no-build-isolation --editable .
}

# usable_environment STAMP PLACE: .venv runs, is new enough, has pip, and was neither moved nor made by
# another Python than the one to be used.
usable_environment() {
    [ ! -e "$1" ] || [ "$(head -n 2 -- "$1")" = "$2" ] || return 1
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 1
    .venv/bin/python -c 'import pip' 2>/dev/null || .venv/bin/python -m ensurepip >/dev/null 2>&1
}

# setup [SET]: what is installed is known by a stamp: where, by which Python, from which requirements. The
# set "e2e" holds all of "dev", so whoever has it needs no other.
setup() {
    local stamp=.venv/.installed set=${1:-dev} place wanted found
    find_python
    place=$(printf '%s\n' "$PWD" && "$python" --version)
    wanted=$(printf '%s\n' "$place" && cat requirements/*.txt pyproject.toml | cksum)
    found=$(cat -- "$stamp" 2>/dev/null || true)
    if [ -x .venv/bin/python ] && { [ "$found" = "$wanted"$'\n'"$set" ] || [ "$found" = "$wanted"$'\n'e2e ]; }; then
        return
    fi
    say "setting up .venv (a minute or two the first time)"
    if ! usable_environment "$stamp" "$place"; then
        quietly "$python" -m venv --clear .venv ||
            die "this Python cannot make environments; on Debian and Ubuntu: apt install python3-venv"
    fi
    rm -f -- "$stamp"
    install "$set" || die "the requirements could not be installed (is the package index reachable?)"
    printf '%s\n' "$wanted" "$set" >"$stamp"
}

# check NAME COMMAND…: one line if all is well, the output if not; the run goes on to show everything.
failures=0
check() {
    local name=$1
    shift
    if quietly "$@"; then
        say "$name: ok"
    else
        failures=$((failures + 1))
    fi
}

lint() {
    check "ruff check" .venv/bin/ruff check --quiet "$@" .
    check "ruff format" .venv/bin/ruff format --quiet --check .
    check "import contracts" .venv/bin/lint-imports --no-logo
}

types() { check "mypy" .venv/bin/mypy "$@"; }

# Tests get a temporary folder of their own: pytest's shared one is tidied by every run, and a run that
# tidies while another does fails.
run_pytest() {
    local folder code=0
    folder=$(mktemp -d)
    PYTEST_DEBUG_TEMPROOT=$folder .venv/bin/python -m pytest -q "$@" || code=$?
    rm -rf -- "$folder"
    return "$code"
}

tests() { run_pytest -n auto --maxprocesses 4 --dist worksteal "$@"; }

bench() {
    if [ $# -eq 0 ]; then
        say "./run.sh bench NAME, where NAME is one of:"
        grep -l '__main__' bench/*.py | sed 's|bench/\(.*\)\.py|  \1|'
        return
    fi
    [ -f "bench/$1.py" ] || die "there is no bench/$1.py"
    .venv/bin/python "bench/$1.py" "${@:2}"
}

docs() {
    # Anew each time: the reference is made from the code, and what was built before hides warnings.
    rm -rf .cache/docs
    .venv/bin/python -m sphinx -W --keep-going -E -q -d .cache/doctrees "$@" docs .cache/docs
    say "written: .cache/docs/index.html"
}

# pin NAME OPTION…: one resolution for Python 3.11 to 3.14 on every system. No address of an index is
# read from this machine's settings or written into the file.
pin() {
    local file=requirements/$1.txt
    shift
    env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command "./run.sh pins" \
        --output-file "$file" "$@" >/dev/null
}

# The smaller files are parts of the largest, so that what is tested is what is installed.
pins() {
    command -v uv >/dev/null || die "pins needs uv (https://docs.astral.sh/uv/)"
    pin e2e pyproject.toml --group e2e --group docs --group dev --extra postgres --extra evaluate "$@"
    local as_tested=(--constraint requirements/e2e.txt)
    pin dev pyproject.toml --group dev --extra postgres --extra evaluate "${as_tested[@]}"
    pin run pyproject.toml "${as_tested[@]}"
    pin postgres pyproject.toml --extra postgres "${as_tested[@]}"
    pin build --group build "${as_tested[@]}"
}

# words: a message that is new comes without a translation, one that is gone goes.
words() {
    local messages
    messages=$(mktemp)
    .venv/bin/pybabel -q extract -F pyproject.toml -k gettext_noop --no-location --no-wrap --sort-by-file \
        --project=paper-digest --version=1 -o "$messages" .
    .venv/bin/pybabel -q update -D digest -d digest/locales -i "$messages" \
        --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap
    rm -f -- "$messages"
}

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
    "" | help | -h | --help) usage ;;
    demo)
        setup
        exec .venv/bin/digest demo "$@"
        ;;
    test)
        setup
        lint
        # The first time another core meanwhile writes the tests' bytecode, which each worker would make for itself.
        [ -d tests/__pycache__ ] || run_pytest --collect-only >/dev/null 2>&1 &
        types
        wait
        tests -m "not e2e" "$@" || failures=$((failures + 1))
        ;;
    lint)
        setup
        lint "$@"
        ;;
    types)
        setup
        types "$@"
        ;;
    cov)
        setup
        tests --cov --cov-branch --cov-report=term "$@"
        ;;
    e2e)
        setup e2e
        # Named, since the folder's own options are known only then. A file stays with one worker: its tests
        # share servers that take seconds to start.
        run_pytest -n auto --maxprocesses 2 --dist loadfile -m e2e tests/e2e "$@"
        ;;
    bench)
        setup
        bench "$@"
        ;;
    docs)
        setup e2e
        docs "$@"
        ;;
    serve)
        setup
        exec .venv/bin/digest serve "$@"
        ;;
    words)
        setup
        words
        ;;
    pins) pins "$@" ;;
    *)
        usage >&2
        die "there is no verb \"$verb\""
        ;;
esac
[ "$failures" -eq 0 ]
