#!/bin/sh
# A campaign of AFL++ and libFuzzer over all cores; needs no compiler, so that it can be carried to another machine. run.sh builds what it
# takes.
#
#     campaign.sh SECONDS [TARGET...]
#
# Each target is fuzzed for SECONDS; as many at once as there are cores, the others after them.
# SLM_FUZZ_BUILDS: a folder with plain/, and perhaps asan/, cmplog/ and libfuzzer/, of programs fuzz_TARGET. SLM_FUZZ_KINDS: which
# of "asan cmplog libfuzzer" to use.
# SLM_FUZZ_SEEDS: a folder of inputs for each target. SLM_FUZZ_OUT: where the campaign goes. SLM_FUZZ_JOBS: processes in all; the number
# of cores where it is not set.
# Each target is fuzzed by a main process, then by one with AddressSanitizer and UndefinedBehaviorSanitizer, one that solves comparisons
# (CmpLog), libFuzzer with the same sanitizers, and others with other power schedules, as many as there are cores for. Where there is one
# core a target, the main process is the first there is of the sanitized program, the plain one with CmpLog, libFuzzer, the plain one. Ends
# with a table, and leaves it as SLM_FUZZ_OUT/record.csv.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
seconds=$1
shift
builds=$SLM_FUZZ_BUILDS
seeds=$SLM_FUZZ_SEEDS
out=$SLM_FUZZ_OUT
dictionaries=${SLM_FUZZ_DICT-$here/dict}
jobs=${SLM_FUZZ_JOBS-$(nproc)}
afl_fuzz=${AFL_FUZZ-afl-fuzz} # may be several words

targets="$*"
if [ -z "$targets" ]; then
    for program in "$builds"/plain/fuzz_*; do
        targets="$targets ${program##*/fuzz_}"
    done
fi
count=0
for target in $targets; do
    count=$((count + 1))
done

# The cores' frequency, crash reporters and free cores matter less than that it runs everywhere.
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 AFL_FAST_CAL=1 AFL_CMPLOG_ONLY_NEW=1
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:symbolize=0

dictionary() {
    case $1 in
        open | decode | kernels | profile) echo slm ;;
        safetensors | importance | shard_index | manifest) echo json ;;
        archive | side_files) echo archive ;;
        glob) echo glob ;;
    esac
}

has() { # a kind of build beside the plain one
    case " ${SLM_FUZZ_KINDS-asan cmplog libfuzzer} " in
        *" $1 "*) [ -d "$builds/$1" ] ;;
        *) false ;;
    esac
}

longest() { # bytes of an input
    case $1 in
        glob | profile) echo 1024 ;;
        encode) echo 4096 ;;
        *) echo 65536 ;;
    esac
}

start() { # target, name of the process, kind of build, then options
    target=$1
    name=$2
    build=$3
    shift 3
    words=$(dictionary "$target")
    if [ -n "$words" ]; then
        set -- "$@" -x "$dictionaries/$words.dict"
    fi
    (
        # So that afl-fuzz finds its own kind of programs beside an interpreter of their own, too.
        cd "$out"
        # shellcheck disable=SC2086
        exec $afl_fuzz -i "$seeds/$target" -o "$out/$target" -t 3000 -m none -V "$seconds" -G "$(longest "$target")" "$@" \
            -- "$builds/$build/fuzz_$target"
    ) >"$out/$target.$name.log" 2>&1 &
}

# libFuzzer, which goes on after a finding. Its programs, many times slower than AFL++'s, have the time for one input that they need.
start_libfuzzer() { # target
    target=$1
    words=$(dictionary "$target")
    set -- ${words:+"-dict=$dictionaries/$words.dict"}
    folder=$out/$target/libfuzzer
    mkdir -p "$folder/queue" "$folder/crashes"
    (
        cd "$folder"
        exec "$builds/libfuzzer/fuzz_$target" -fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1 -timeout=60 -rss_limit_mb=4096 \
            "-max_total_time=$seconds" "-max_len=$(longest "$target")" "$@" "-artifact_prefix=$folder/crashes/" "$folder/queue" "$seeds/$target"
    ) >"$out/$target.libfuzzer.log" 2>&1 &
}

# What libFuzzer says of itself, in the words of AFL++. It counts no edges where it restarts its programs.
libfuzzer_stats() { # target
    log=$out/$1.libfuzzer.log
    [ -e "$log" ] || return 0
    last=$(sed -n 's/^#\([0-9]*\): .* corp: \([0-9]*\) .*crash: \([0-9]*\)\/\([0-9]*\)\/\([0-9]*\) .*/\1 \2 \3 \4 \5/p' "$log" | tail -n 1)
    [ -n "$last" ] || return 0
    # shellcheck disable=SC2086
    set -- "$1" $last
    cat >"$out/$1/libfuzzer/fuzzer_stats" <<EOF
execs_done : $2
edges_found : -
total_edges : -
corpus_count : $3
saved_crashes : $(($4 + $6))
saved_hangs : $5
command_line : $builds/libfuzzer/fuzz_$1
EOF
}

# All processes of one target.
fuzz() {
    target=$1
    mkdir -p "$out/$target"
    processes=$each
    if [ "$extra" -gt 0 ]; then
        processes=$((processes + 1))
        extra=$((extra - 1))
    fi
    if [ "$processes" -eq 1 ] && has asan; then
        start "$target" main asan -M main
        return
    fi
    if [ "$processes" -eq 1 ] && has cmplog; then
        start "$target" main plain -M main -c "$builds/cmplog/fuzz_$target"
        return
    fi
    if [ "$processes" -eq 1 ] && has libfuzzer; then
        start_libfuzzer "$target"
        return
    fi
    start "$target" main plain -M main
    i=1
    if [ "$i" -lt "$processes" ] && has asan; then
        start "$target" asan asan -S asan
        i=$((i + 1))
    fi
    if [ "$i" -lt "$processes" ] && has cmplog; then
        start "$target" cmplog plain -S cmplog -c "$builds/cmplog/fuzz_$target"
        i=$((i + 1))
    fi
    if [ "$i" -lt "$processes" ] && has libfuzzer; then
        start_libfuzzer "$target"
        i=$((i + 1))
    fi
    while [ "$i" -lt "$processes" ]; do
        case $((i % 3)) in
            0) start "$target" "more$i" plain -S "more$i" -p explore ;;
            1) start "$target" "more$i" plain -S "more$i" -p rare ;;
            2) start "$target" "more$i" plain -S "more$i" -p exploit -D ;;
        esac
        i=$((i + 1))
    done
}

# Processor time by target, from /proc: of the fuzzers, the programs they run, and all children that these have seen end.
ticks() {
    for process in /proc/[0-9]*; do
        words=$({ tr '\0' '\n' <"$process/cmdline"; } 2>/dev/null) || continue
        target=$(printf '%s\n' "$words" | sed -n -e "s|^$out/||p" -e "1s|^$builds/[a-z]*/fuzz_||p" | head -n 1)
        [ -n "$target" ] || continue
        # Behind the name in parentheses, user and system time are the 12th and 13th, those of children the next two.
        sed 's/.*) //' "$process/stat" 2>/dev/null | awk -v t="$target" '{ print t, $12 + $13 + $14 + $15 }'
    done
}

# The targets of one turn, to their end.
turn() {
    for name; do
        fuzz "$name"
    done
    if [ "$seconds" -gt 10 ]; then
        sleep $((seconds - 5))
        ticks >>"$out/ticks" || true
    fi
    wait || true
    for name; do
        libfuzzer_stats "$name"
    done
}

mkdir -p "$out"
: >"$out/ticks"
each=$((jobs / count))
extra=$((jobs - each * count))
if [ "$each" -lt 1 ]; then
    each=1
    extra=0
fi
now=
left=$jobs
for target in $targets; do
    now="$now $target"
    left=$((left - each))
    if [ "$left" -lt "$each" ]; then
        # shellcheck disable=SC2086
        turn $now
        now=
        left=$jobs
    fi
done
if [ -n "$now" ]; then
    # shellcheck disable=SC2086
    turn $now
fi

field() { # file, name
    sed -n "s/^$2 *: //p" "$1"
}

hertz=$(getconf CLK_TCK 2>/dev/null || echo 100)
day=$(date -u +%F)
echo 'day,target,kinds,cpu_s,executions,edges,edges_total,corpus,crashes,hangs' >"$out/record.csv"
printf '%-12s %9s %9s %14s %10s %16s %8s %8s %6s\n' target processes 'CPU s' executions 'a second' edges corpus crashes hangs
for target in $targets; do
    processes=0
    kinds=
    executions=0
    crashes=0
    hangs=0
    for stats in "$out/$target"/*/fuzzer_stats; do
        [ -e "$stats" ] || continue
        processes=$((processes + 1))
        kind=$(sed -n "s|^command_line.* $builds/\([a-z]*\)/fuzz_.*|\1|p" "$stats")
        case +$kinds+ in
            *"+$kind+"*) ;;
            *) kinds=$kinds${kinds:++}$kind ;;
        esac
        executions=$((executions + $(field "$stats" execs_done)))
        crashes=$((crashes + $(field "$stats" saved_crashes)))
        hangs=$((hangs + $(field "$stats" saved_hangs)))
    done
    if [ "$processes" -eq 0 ]; then
        echo "$target: did not start: $out/$target.main.log"
        continue
    fi
    main=$out/$target/main/fuzzer_stats
    [ -e "$main" ] || main=$out/$target/libfuzzer/fuzzer_stats
    cpu=$(awk -v t="$target" -v hz="$hertz" '$1 == t { s += $2 } END { printf "%d", s / hz }' "$out/ticks" 2>/dev/null || echo '?')
    printf '%-12s %9s %9s %14s %10s %16s %8s %8s %6s\n' "$target" "$processes" "$cpu" "$executions" "$((executions / seconds))" \
        "$(field "$main" edges_found)/$(field "$main" total_edges)" "$(field "$main" corpus_count)" "$crashes" "$hangs"
    echo "$day,$target,$kinds,$cpu,$executions,$(field "$main" edges_found),$(field "$main" total_edges),$(field "$main" corpus_count),$crashes,$hangs" >>"$out/record.csv"
done
