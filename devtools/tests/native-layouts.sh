# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Traffic in each layout of the rings that driver arguments choose. Sourced by native.sh.

# negotiated UUID FEATURE: did the driver take it? By the mediator's word.
negotiated()
{
	"$build/app/mediator/dpdk-mdev-mediator" ctl --name "$MEDIATOR_NAME" show "$1" |
		grep "^negotiated:.* $2\( \|\$\)" >/dev/null
}

# burst rx|tx PORT: print the name of the port's burst function
burst()
{
	testpmd_do "show ${1}q info $2 0"
	sed -n 's/^Burst mode: //p' "$TESTPMD_LOG" | tail -n 1
}

# expect_bursts RX TX: patterns of the names, for both ports
expect_bursts()
{
	local port name

	for port in 0 1; do
		name=$(burst rx $port)
		expect "port $port receives by '$1', not by '$name'" grep -qxE "$1" <<<"$name"
		name=$(burst tx $port)
		expect "port $port sends by '$2', not by '$name'" grep -qxE "$2" <<<"$name"
	done
}

# every_size FIRST LAST [STEP]: UDP datagrams of these sizes, there and back
every_size()
{
	local answerer

	# not by in_namespace: what $! names would be a shell that waits for it
	# shellcheck disable=SC2046	# words
	$(enter right) "$REPO/devtools/tests/udp-sizes.py" answer "$RIGHT" 5002 &
	answerer=$!
	wait_until 10 receiving right 5002
	in_namespace left "$REPO/devtools/tests/udp-sizes.py" ask "$RIGHT" 5002 "$@" || return 1
	end $answerer
}

receiving()
{
	[ -n "$(in_namespace "$1" ss -Hlun "sport = :$2")" ]
}

# expect_through BYTES: the application has had so many, both ways
expect_through()
{
	local port way bytes

	for port in 0 1; do
		for way in RX TX; do
			bytes=$(testpmd_stat $port $way-bytes)
			expect "$1 bytes through testpmd, not $bytes ($way of port $port)" \
				[ "$bytes" -ge "$1" ]
		done
	done
}

# expect_features yes|no FEATURE...: of both devices
expect_features()
{
	local yes=$1 uuid feature

	shift
	for uuid in "${UUIDS[@]}"; do
		for feature; do
			if [ "$yes" = yes ]; then
				expect "$feature was negotiated" negotiated "$uuid" "$feature"
			else
				expect "$feature was not negotiated" \
					not negotiated "$uuid" "$feature"
			fi
		done
	done
}

not()
{
	! "$@"
}

# in_layout RING IN_ORDER MERGEABLE VECTOR [EAL_ARGUMENT...]: RING is split or packed,
# VECTOR empty or what the instruction set is called; the others are 0 or 1
in_layout()
{
	local ring=$1 in_order=$2 mergeable=$3 vector=$4 name words=(no yes) scatter=()
	# shellcheck disable=SC2034	# application() has them
	local APPLICATION_DEVARGS APPLICATION_EAL=("${@:5}")

	APPLICATION_DEVARGS=,packed_vq=$([ "$ring" = packed ] && echo 1 || echo 0)
	APPLICATION_DEVARGS+=,in_order=$in_order,mrg_rxbuf=$mergeable
	APPLICATION_DEVARGS+=,vectorized=$([ -n "$vector" ] && echo 1 || echo 0)
	[ "$mergeable" = 0 ] || scatter=(--enable-scatter)
	name=${ring^}$([ "$in_order" = 0 ] || echo " In-Order")
	backend
	devices
	application "${scatter[@]}"
	expect_bursts \
		"$name$([ "$mergeable" = 0 ] || echo " Mergeable")${vector:+ Vector $vector}" \
		"$name${vector:+ Vector $vector}"
	expect_features "$([ "$ring" = packed ] && echo yes || echo no)" ring_packed
	expect_features "${words[in_order]}" in_order
	expect_features "${words[mergeable]}" mrg_rxbuf
	traffic
	every_size 0 1472
	expect_through $((16 << 20))
	end_application
	no_errors "$work/testpmd" "$work/mediator"
}

# with_vectors RING IN_ORDER MERGEABLE BITS NAME: with vectors no longer than BITS
with_vectors()
{
	[ "$4" -lt 512 ] || grep -qw avx512bw /proc/cpuinfo ||
		skip "this processor has no AVX-512"
	in_layout "$1" "$2" "$3" "$5" "--force-max-simd-bitwidth=$4"
}

# restarts_in DEVARGS BURST ORDER: see restarts(); the layout is the same after it
restarts_in()
{
	local APPLICATION_DEVARGS=$1

	restarts "$3" expect_bursts "$2" "$2"
}

for ring in split packed; do
	for in_order in 0 1; do
		for mergeable in 0 1; do
			name="$ring$([ $in_order = 0 ] || echo ", in order")"
			name+=$([ $mergeable = 0 ] || echo ", mergeable")
			# without vectors: the simplest and the most that is done for a frame
			plain=check_full
			[[ ! $ring$in_order$mergeable =~ split00|packed01 ]] || plain=check
			$plain "layout: $name" in_layout $ring $in_order $mergeable ""
			check "layout: $name, vectors" \
				in_layout $ring $in_order $mergeable "[[:alnum:]]+"
			if [ "$(uname -m)" = x86_64 ]; then
				check_full "layout: $name, 128 bits" \
					with_vectors $ring $in_order $mergeable 128 SSE
				check_full "layout: $name, 512 bits" \
					with_vectors $ring $in_order $mergeable 512 AVX512
			fi
		done
	done
done

# native.sh does so for packed rings, in order
check "split, not in order, restarted: B A M" \
	restarts_in ,packed_vq=0,in_order=0 "Split Vector .*" "B A M"
for order in "A B M" "A M B" "B A M" "B M A" "M A B" "M B A"; do
	[ "$order" = "B A M" ] || check_full "split, not in order, restarted: $order" \
		restarts_in ,packed_vq=0,in_order=0 "Split Vector .*" "$order"
	check_full "packed, not in order, restarted: $order" \
		restarts_in ,in_order=0 "Packed Vector .*" "$order"
done
for order in "A B M" "A M B" "B A M" "B M A" "M A B" "M B A"; do
	check_full "split, in order, restarted: $order" \
		restarts_in ,packed_vq=0 "Split In-Order Vector .*" "$order"
done
