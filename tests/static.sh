#!/bin/sh
# static.sh [warnings|tidy|cppcheck|analyzer|valgrind...]: the tools that look for mistakes in libslm, the command and the conformance
# runner; one line a tool, all of them where none is named. A finding fails. What is suppressed, and why, stands in .clang-tidy and here.
# A quarter of an hour of processor time; clang-tidy goes on where it was cut off, and a second time looks at what has changed. SLM_JOBS: processes at once, 2 where it is not set.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
work=$root/build-static
jobs=${SLM_JOBS-2}
programs="tools/slm conformance/slm-conform"
mkdir -p "$work"
[ $# -gt 0 ] || set -- warnings tidy cppcheck analyzer valgrind
for tool in clang clang-tidy cppcheck valgrind; do
    command -v $tool >/dev/null || { echo "skipped: no $tool (sh tools/setup.sh static)" && exit 77; }
done

setup() { # folder, compiler, then meson's options
    folder=$work/$1 compiler=$2
    shift 2
    [ -e "$folder/build.ninja" ] || CC=$compiler meson setup "$folder" -Dfpga=false --buildtype=debugoptimized "$@" >"$work/setup.log" 2>&1 ||
        { cat "$work/setup.log" && exit 1; }
}

make() { # folder, then targets: all anew, into its log
    folder=$work/$1
    shift
    ninja -C "$folder" -t clean "$@" >/dev/null
    ninja -j"$jobs" -C "$folder" "$@" >"$folder.log" 2>&1 || { tail -n 40 "$folder.log" && exit 1; }
}

verdict() { # tool, what was looked at, log, what a finding looks like
    { grep -E "$4" "$3" || :; } | sed "s|$root/||" | sort -u >"$work/findings"
    echo "$1: $(wc -l <"$work/findings") findings in $2"
    [ ! -s "$work/findings" ] || { cat "$work/findings" && return 1; }
}

# The compile commands of what is looked at, each source once: a build as of setup.
sources() {
    setup "$@"
    mkdir -p "$work/commands"
    python3 -c 'import json, os, sys
kept = {}
for entry in json.load(open(sys.argv[1])):
    path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), sys.argv[2])
    if path.startswith(("libslm/src/", "tools/", "conformance/runner/")):
        kept.setdefault(path, dict(entry, file=os.path.join(sys.argv[2], path)))
json.dump(list(kept.values()), open(sys.argv[3] + "/compile_commands.json", "w"))
print(*kept, sep="\n", file=open(sys.argv[3] + "/sources", "w"))' "$work/$1/compile_commands.json" "$root" "$work/commands"
    count="$(wc -l <"$work/commands/sources") sources"
}

warnings() {
    for cc in gcc clang; do
        setup "$cc" "$cc" -Dc_args='-Wall -Wextra -Wconversion'
        # shellcheck disable=SC2086
        make "$cc" $programs
        verdict "$cc -Wall -Wextra -Wpedantic -Wconversion" 'libslm, slm, slm-conform' "$work/$cc.log" 'warning:' || return 1
    done
}

# A source that was found clean is passed over until it, a header, the settings or the tool change: what was cut off goes on.
tidy() {
    sources tidy clang
    mkdir -p "$work/tidy-clean"
    common=$({ clang-tidy --version && git ls-files '*.h' .clang-tidy | xargs cat; } | sha256sum)
    # shellcheck disable=SC2016
    xargs -P "$jobs" -n 1 sh -c 'clean=$1/tidy-clean/$({ echo "$2 $3" && cat "$3"; } | sha256sum | cut -c1-32)
        [ -e "$clean" ] || { clang-tidy -p "$1/commands" --quiet "$3" 2>/dev/null && touch "$clean"; } || :' \
        sh "$work" "$common" <"$work/commands/sources" >"$work/tidy.log"
    verdict clang-tidy "$count" "$work/tidy.log" '(warning|error):'
}

# variableScope is a taste. The others are wrong: knownConditionTrueFalse about loops, which it takes to run no times, unusedStructMember
# and unreadVariable about unions and pointers to arrays, uninitvar about what another function fills in. unpreciseMathCall is about
# log(1 + x): log1p would draw other numbers than those on record.
cppcheck_() {
    sources tidy clang
    cppcheck --project="$work/commands/compile_commands.json" -q -j "$jobs" --enable=warning,performance,portability,style \
        --suppress=variableScope --suppress=knownConditionTrueFalse --suppress=unusedStructMember \
        --suppress="unreadVariable:$root/libslm/src/decode/decode.c" --suppress="uninitvar:$root/libslm/src/encode/*" \
        --suppress="unpreciseMathCall:$root/tools/explore_source.c" \
        --template='{file}:{line}: {severity}: {message} [{id}]' >"$work/cppcheck.log" 2>&1 || { cat "$work/cppcheck.log" && return 1; }
    verdict cppcheck "$count" "$work/cppcheck.log" ': [a-z]*: .*\['
}

# gcc 12 does not see that a loop fills an array: what is read uninitialised is left to valgrind. In the command and the runner it loses
# sight of memory that goes into a caller's struct, takes fault_set() for a function that may return true, and errno for 0 after a
# failure: its findings of leaks and null pointers there, all looked at, are left to valgrind and to clang. With the copies of one loop that
# decode_any.h makes it has not come to an end in 40 minutes; they take no memory and open nothing, and guard pages watch them (check_bounds).
analyzer() {
    sources analyzer gcc --optimization=1 -Dc_args='-fanalyzer -Wno-analyzer-use-of-uninitialized-value'
    python3 -c 'import json, sys
for entry in json.load(open(sys.argv[1])):
    print("cd \"%s\" && %s -o /dev/null -c %s" % (entry["directory"], entry["command"].split(" -o ")[0], entry["file"]))' \
        "$work/commands/compile_commands.json" | grep -v '/decode_[a-z0-9]*_any[.]c$' >"$work/analyzer-commands"
    CCACHE_DISABLE=1 xargs -P "$jobs" -d '\n' -n 1 sh -c <"$work/analyzer-commands" >"$work/analyzer.log" 2>&1 ||
        { tail -n 40 "$work/analyzer.log" && return 1; }
    grep -vE '(tools|runner)/.*(malloc-leak|null-argument|null-dereference)' "$work/analyzer.log" >"$work/analyzer-kept.log" || :
    verdict 'gcc -fanalyzer' "$(wc -l <"$work/analyzer-commands") of $count" "$work/analyzer-kept.log" 'warning:'
}

# Memory that is read before it is written, used where there is none, lost: the unit tests and the command. What searches for codes, and
# the checks of millions of decodings, are left to the sanitizers.
memcheck() {
    setup memcheck gcc
    build=$work/memcheck logs=$work/memcheck-logs
    rm -rf "$logs"
    mkdir -p "$logs/model"
    names=$(meson test -C "$build" --list --suite unit 2>/dev/null | sed -n 's|.* / ||p' | grep '^test_' |
        grep -vxE 'test_trellis_.*|test_block_search|test_encode|test_scales|test_resume|test_file_faults')
    # shellcheck disable=SC2086
    { python3 -B tests/programs.py "$build" $names && echo tools/slm; } | xargs ninja -j"$jobs" -C "$build" >"$build.log" 2>&1 ||
        { tail -n 40 "$build.log" && exit 1; }
    python3 -B -c 'import sys
sys.path.insert(0, "tests/cli")
import harness
drawn = harness.weights(1 << 12)
harness.write_shards(sys.argv[1], [[harness.Tensor("a.w", "F32", [64, 64], harness.f32(drawn)), harness.Tensor("raw", "U8", [3000])],
    [harness.Tensor("b.block.w", "BF16", [4, 1024], harness.bf16(drawn))]], {"config.json": b"{}"})' "$logs/model"
    # A command line a line, in the order in which they need each other.
    coding="-T 2 -p trellis,K=4,k=2 --profile-for *block*=block,C=4,P=1,K=4,W=4,step=1,E=1,B=2 --include *w*"
    cat >"$logs/commands" <<END
encode -q $coding --verify -o $logs/out.slm $logs/model
encode -q $coding --json --resume -o $logs/again.slm $logs/model
info -v $logs/out.slm
info --json $logs/out.slm
verify -T 2 $logs/out.slm
decode -q -T 2 --dtype f32 -o $logs/folder/ $logs/out.slm
decode -q -o $logs/out.tar.zst $logs/out.slm
decode -q --bytes -o $logs/out.bytes $logs/out.slm
diff --max-error 1 $logs/model $logs/out.slm
diff --max-error 1 $logs/out.tar.zst $logs/out.slm
version --json
END
    watch="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect"
    export SLM_TEST_SHORT=1 # some of each kind suffice (amount.h)
    # shellcheck disable=SC2086
    for name in $names; do
        echo "$build/tests/$name >$logs/$name.log 2>&1 || echo $name: exit code \$? >>$logs/$name.log"
    done | xargs -P "$jobs" -d '\n' -I LINE sh -c "$watch LINE"
    set -f
    while read -r line; do
        # shellcheck disable=SC2086
        $watch "$build/tools/slm" $line >>"$logs/slm.log" 2>&1 || echo "slm $line: exit code $?" >>"$logs/slm.log"
    done <"$logs/commands"
    set +f
    cat "$logs"/*.log >"$logs/all"
    verdict 'valgrind memcheck' "$(echo "$names" | wc -w) unit test programs and $(wc -l <"$logs/commands") command lines" "$logs/all" '^==[0-9]+==.*[a-z]|: exit code [0-9]+$'
}

failed=0
for tool; do
    case $tool in
    warnings) warnings || failed=1 ;;
    tidy) tidy || failed=1 ;;
    analyzer) analyzer || failed=1 ;;
    cppcheck) cppcheck_ || failed=1 ;;
    valgrind) memcheck || failed=1 ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
done
exit $failed
