#!/usr/bin/env bash
# Runs the conformance suite under compute-sanitizer's racecheck, with our own kernels
# alone, a process for some checks of one shape:
#
#     go test -c -tags cuda -o cuda.test ./engine/cuda
#     engine/cuda/testdata/racecheck.sh ./cuda.test
#
# It prints a line a process and fails if one found a hazard or had none to tell. JOBS
# processes run at once (default: one per processor), none longer than EACH seconds
# (default 600); after TOTAL seconds no more are started. ONLY, a pattern, picks
# processes by their names. LOGS is a folder for what they print.
#
# cuBLASLt is left out (-cuda.own). Racecheck reports hazards in some of its kernels,
# and told to skip them, or to check ours only, the sanitizer itself fails in bfloat16
# (2025.3.1, "failed to handle a hardware exception"). So most tests fail, for the
# products they need are not computed, and the sanitizer's summary alone counts: every
# kernel of ours runs, on inputs that hold NaN here and there.
set -euo pipefail
test=$(realpath "$1")
kernels=$(realpath "$(dirname "$0")/../kernels")
export test each=${EACH:-600} total=${TOTAL:-86400} logs=${LOGS:-$(mktemp -d)}
began=$(date +%s)
export began

# A kernel is checked if a filter fits it. Ours begin with the first word of the names
# of their files.
filters=
for word in $(basename -s .cu "$kernels"/*.cu | sed 's/_.*//' | sort -u); do
	filters+=" --kernel-name kernel_substring=$word"
done
export filters

cases() {
	local layers='QKV|Attention|Output|MLP' batches='BatchInvariance|PackedGradients|CachedAttention|Decode|LongDecode'
	local models='Model|OneToken|Recompute' ends='Embed|Loss' memory='Describe|Memory|Copy|Reserve|Capacity|Free'
	local rest="$ends|GreedyTies|NonFinite|Optimizer|OptimizerNonFinite|OptimizerResume|Rows"
	local compute shape
	for compute in bfloat16 float32; do
		for shape in grouped straddling wide; do
			printf '%s\n' "$compute/0/$shape/"{"($layers)","($rest)","($memory)","(LossAlone|Lifetime)","($models)","($batches)"}
		done
		for shape in bias 'head norm' window 'wide window' 'window, head 32' 'window, head 64' 'window, head 128' \
			'head 64' 'head 80' 'head 96' 'head 128'; do
			printf '%s\n' "$compute/0/$shape/"{"($layers|$ends)","($models)","($batches)"}
		done
		printf '%s\n' "$compute/0/large batch"{,', head 128'}"/LargeBatch"
		printf '%s\n' "$compute/0/vocabulary "{32000,151936}"/($ends|LossAlone|GreedyTies)"
	done
	# attention_mma.cu, which Hopper takes with no images but the portable ones.
	printf '%s\n' "TestPortable/bfloat16/0/"{'head 64','head 128','window, head 128'}"/Attention"
}

race() {
	local name=$1 from log pattern verdict code=0
	from=$(date +%s)
	if [ $((from - began)) -ge "$total" ]; then
		echo "not raced: $name"
		return 1
	fi
	log=$logs/${name//[^a-zA-Z0-9]/_}.log
	pattern=$name
	[[ $name == Test* ]] || pattern=TestConformance/$name
	pattern=$(sed 's/\//$\/^/g; s/ /_/g; s/^/^/; s/$/$/' <<<"$pattern")
	# shellcheck disable=SC2086 # the filters are words
	timeout -k 5 "$each" compute-sanitizer --tool racecheck $filters "$test" -cuda.own \
		-test.run "$pattern" -test.v -test.timeout 0 >"$log" 2>&1 || code=$?
	verdict=$(grep -io 'internal sanitizer error.*\|racecheck summary: .*' "$log" | head -1)
	grep -q '=== RUN *Test[A-Z][a-z]*/.*/.*/.*/' "$log" || verdict='no such checks'
	[ "$code" != 124 ] || verdict="ended after $each s"
	echo "$(($(date +%s) - from)) s: $name: ${verdict:-no summary}"
	[[ $verdict == *': 0 hazards'* ]]
}
export -f race

cases | grep -E -- "${ONLY:-.}" | tr '\n' '\0' | xargs -0 -n 1 -P "${JOBS:-$(nproc)}" bash -c 'race "$1"' race
