# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# EAL's ways to have memory: hugepages, one file for each or few files, memory that comes
# and goes under traffic. Sourced by native.sh.

PAGES=(--no-pci --no-shconf --no-telemetry --file-prefix "pages$$" --huge-dir "$work/huge")

# churn_build: a library to preload whose thread allocates and frees memory while the file
# $work/churn is there, and writes to $work/churned how often EAL has got, and has given
# back, memory for it
churn_build()
{
	cat >"$work/churn.c" <<-'END'
	#define _GNU_SOURCE
	#include <errno.h>
	#include <pthread.h>
	#include <stdbool.h>
	#include <stdio.h>
	#include <stdlib.h>
	#include <string.h>
	#include <unistd.h>
	#include <rte_malloc.h>
	#include <rte_memory.h>
	#define SIZE (16u << 20)
	static unsigned int count[2], failed;
	static void event(enum rte_mem_event type, const void *addr, size_t len, void *arg)
	{
		(void)addr; (void)len; (void)arg;
		count[type == RTE_MEM_EVENT_FREE]++;
	}
	static void *churn(void *arg)
	{
		char file[4096];
		bool watched = false;
		FILE *out;
		void *p;

		(void)arg;
		snprintf(file, sizeof(file), "%s/churn", getenv("CHURN"));
		for (;; usleep(250000)) {
			if (access(file, F_OK) != 0)
				continue;
			if (!watched)
				watched = rte_mem_event_callback_register("churn", event, NULL) == 0;
			p = rte_malloc("churn", SIZE, 0);
			failed += p == NULL;
			if (p != NULL)
				memset(p, 0x5a, SIZE);
			usleep(250000);
			rte_free(p);
			snprintf(file, sizeof(file), "%s/churned", getenv("CHURN"));
			out = fopen(file, "w");
			if (out != NULL) {
				fprintf(out, "%u %u %u\n", count[0], count[1], failed);
				fclose(out);
			}
			snprintf(file, sizeof(file), "%s/churn", getenv("CHURN"));
		}
		return NULL;
	}
	static void __attribute__((constructor)) start(void)
	{
		pthread_t thread;

		if (strcmp(program_invocation_short_name, "dpdk-testpmd") == 0)
			pthread_create(&thread, NULL, churn, NULL);
	}
	END
	# shellcheck disable=SC2046	# flags are words
	gcc $(pkg-config --cflags libdpdk) -shared -fPIC -o "$work/churn.so" "$work/churn.c" \
		-lpthread
}

# in_pages EAL_ARGUMENT...: forwards with memory of this kind, which grows and shrinks
# meanwhile
in_pages()
{
	local grown shrunk failed

	hugepages 320
	churn_build
	rm -f "$work/churn" "$work/churned"
	backend
	devices
	export CHURN=$work
	LD_PRELOAD=$work/churn.so pages_start -m 8 "$@"
	traffic
	touch "$work/churn"
	traffic
	wait_until 30 grown_often || { cat "$work/churned" "$work/testpmd"; exit 1; }
	rm "$work/churn"
	traffic
	read -r grown shrunk failed <"$work/churned"
	echo "$grown times more memory, $shrunk times less, $failed times none"
	expect "always memory" test "$failed" = 0
	end_application
	no_errors "$work/testpmd" "$work/mediator"
}

grown_often()
{
	local grown=0 shrunk=0

	read -r grown shrunk _ 2>/dev/null <"$work/churned" && [ "$grown" -ge 10 ] &&
		[ "$shrunk" -ge 10 ]
}

# pages_start EAL_ARGUMENT...: the application in this kind of memory
pages_start()
{
	testpmd_start "$work/testpmd" "${PAGES[@]}" "$(lcores 2)" "$@" -d "$build/drivers" \
		-a "mdev:${UUIDS[0]}" -a "mdev:${UUIDS[1]}" -- -i --total-num-mbufs=8192
	at_exit end "$TESTPMD_PID"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; return 1; }
	testpmd_do start
}

# A file for each page makes more regions than a vhost backend takes: that is said with
# the remedy, and the devices are there for whoever follows it.
too_many_regions()
{
	hugepages 320
	backend
	devices
	testpmd_start "$work/testpmd" "${PAGES[@]}" "$(lcores 2)" -m 192 "$@" \
		-d "$build/drivers" -a "mdev:${UUIDS[0]}" -a "mdev:${UUIDS[1]}" -- -i \
		--total-num-mbufs=8192
	testpmd_wait 1 'testpmd>' 60 || wait "$TESTPMD_PID" || true
	cat "$work/testpmd" "$work/mediator"
	expect "the remedy" grep -q -e '--single-file-segments' "$work/testpmd" "$work/mediator"
	exec 7>&-
	end "$TESTPMD_PID"
	pages_start -m 192 --single-file-segments
	traffic
	end_application
}

check "memory in few files, which grow and shrink" in_pages --single-file-segments
check_full "... that no folder lists" in_pages --single-file-segments --in-memory
check "memory with a file for each page: too many regions" too_many_regions
check_full "... that no folder lists" too_many_regions --in-memory
check_full "... all of it from the start" too_many_regions --legacy-mem
