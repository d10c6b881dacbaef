#!/usr/bin/env bash
# Runs the conformance suite under compute-sanitizer's memcheck, cuBLASLt's kernels
# included, a process for each shape and compute type:
#
#     go test -c -tags cuda -o cuda.test ./engine/cuda
#     engine/cuda/testdata/memcheck.sh ./cuda.test
#
# It prints a line a process and fails if one found an error, had none to tell, or if
# a test failed. JOBS processes run at once (default: one per processor), none longer
# than EACH seconds (default 600). ONLY, a pattern, picks processes by their names.
# LOGS is a folder for what they print.
set -euo pipefail
test=$(realpath "$1")
export test each=${EACH:-600} logs=${LOGS:-$(mktemp -d)}

cases() {
	local compute
	for compute in bfloat16 float32; do
		printf '%s\n' "$compute/0/"{grouped,straddling,wide,bias,'head norm',window,'wide window','window, head '{32,64,128},'head '{64,80,96,128},'large batch'{,', head 128'},'vocabulary '{32000,151936}}
	done
}

check() {
	local name=$1 from log pattern verdict code=0
	from=$(date +%s)
	log=$logs/${name//[^a-zA-Z0-9]/_}.log
	pattern=$(sed 's/\//$\/^/g; s/ /_/g; s/^/^/; s/$/$/' <<<"TestConformance/$name")
	timeout -k 5 "$each" compute-sanitizer --tool memcheck "$test" \
		-test.run "$pattern" -test.v -test.timeout 0 >"$log" 2>&1 || code=$?
	verdict=$(grep -io 'internal sanitizer error.*\|error summary: .*' "$log" | head -1)
	grep -q '=== RUN *TestConformance/.*/.*/.*/' "$log" || verdict='no such checks'
	[ "$code" = 0 ] || verdict="${verdict:-no summary}, and the tests end with $code"
	[ "$code" != 124 ] || verdict="ended after $each s"
	echo "$(($(date +%s) - from)) s: $name: ${verdict:-no summary}"
	[[ $code == 0 && $verdict == *': 0 errors'* ]]
}
export -f check

cases | grep -E -- "${ONLY:-.}" | tr '\n' '\0' | xargs -0 -n 1 -P "${JOBS:-$(nproc)}" bash -c 'check "$1"' check
