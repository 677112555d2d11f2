/* SPDX-License-Identifier: BSD-3-Clause */

/* Removing a device that somebody uses: who is asked first. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <linux/vfio.h>

#include "ctl_world.h"
#include "fdmsg.h"
#include "publish_place.h"
#include "test.h"
#include "vfu_proto.h"

static int client, req, asker;
static size_t answer_len;

/* Send a message of the client's; whether it was answered without an error. */
static bool
tell(uint16_t command, const void *data, uint32_t len, const int *fds, unsigned int nr_fds)
{
	struct vfu_header header = { .id = 1, .command = command,
		.size = sizeof(header) + len };
	uint8_t bytes[256];
	unsigned int i;
	ssize_t n = -EAGAIN;
	int got[FDMSG_MAX_FDS];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), data, len);
	if (fdmsg_send(client, bytes, header.size, fds, nr_fds) != (ssize_t)header.size)
		return false;
	for (i = 0; i < TURNS && n == -EAGAIN; i++) {
		loop_once(cw.loop, TURN_MS);
		n = fdmsg_recv(client, bytes, sizeof(bytes), got, &nr_fds);
	}
	if (n < (ssize_t)sizeof(header))
		return false;
	memcpy(&header, bytes, sizeof(header));
	return (header.flags & VFU_F_ERROR) == 0;
}

/* As an application; with or without a wish to be asked. */
static int
attach(bool wants_req)
{
	const struct vfu_version version = { VFU_MAJOR, VFU_MINOR };
	const struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_REQ_IRQ_INDEX,
		.count = 1,
	};

	client = fdmsg_connect(place_path("devices/" UUID_A "/socket"));
	if (client < 0 || !tell(VFU_VERSION, &version, sizeof(version), NULL, 0))
		return -1;
	return !wants_req || tell(VFU_DEVICE_SET_IRQS, &set, sizeof(set), &req, 1) ? 0 : -1;
}

static int
start(void)
{
	if (cw_start() != TEST_SUCCESS)
		return TEST_FAILED;
	client = -1;
	asker = -1;
	answer_len = 0;
	req = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return strncmp(cw_ask("add uuid=" UUID_A ",backend=/nowhere/x\n"), "ok ", 3)
		== 0 ? TEST_SUCCESS : TEST_FAILED;
}

static void
stop(void)
{
	fdmsg_close(&client, 1);
	fdmsg_close(&asker, 1);
	fdmsg_close(&req, 1);
	cw_stop();
}

static int
ask(const char *request)
{
	ssize_t len = strlen(request);

	asker = cw_connect();
	return asker >= 0 && send(asker, request, len, MSG_NOSIGNAL) == len ? 0 : -1;
}

static bool
was_asked(void)
{
	uint64_t count;

	return read(req, &count, sizeof(count)) == sizeof(count);
}

static bool
hung_up(void)
{
	char c;

	return recv(client, &c, 1, MSG_DONTWAIT) == 0;
}

/* Turns of the loop until it is so. */
#define UNTIL(cond) do { \
	unsigned int turns_ = 0; \
	bool true_; \
	while (!(true_ = (cond)) && turns_++ < TURNS) \
		loop_once(cw.loop, TURN_MS); \
	TEST_ASSERT(true_, "it never comes to that: " RTE_STR(cond)); \
} while (0)

/* It is asked, lets go, and only then is the device removed. */
static int
test_asked(void)
{
	TEST_ASSERT_SUCCESS(attach(true), "not attached");
	TEST_ASSERT_SUCCESS(ask("remove " UUID_A " 3600000\n"), "not sent");
	UNTIL(was_asked());
	UNTIL(cw_receive(asker, &answer_len) || strchr(cw.answer, '\n'));
	TEST_ASSERT(strncmp(cw.answer, CTL_WAIT "mdev:" UUID_A ": process ", 50) == 0,
		"%s", cw.answer);
	TEST_ASSERT(!hung_up() && cw.mediator.count == 1, "removed at once");
	fdmsg_close(&client, 1);
	client = -1;
	TEST_ASSERT(cw_receive_all(asker, &answer_len), "no answer");
	TEST_ASSERT(strstr(cw.answer, "\nok 0\n") != NULL, "%s", cw.answer);
	TEST_ASSERT_EQUAL(cw.mediator.count, 0u, "not removed");
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 0u, "clients");
	return TEST_SUCCESS;
}

/* It does not let go, and is asked once more each second; then its time is over. */
static int
test_late(void)
{
	unsigned int asked = 0;

	TEST_ASSERT_SUCCESS(attach(true), "not attached");
	TEST_ASSERT_SUCCESS(ask("remove " UUID_A " 1500\n"), "not sent");
	UNTIL((asked += was_asked()) == 2);
	UNTIL(hung_up());
	TEST_ASSERT(cw_receive_all(asker, &answer_len), "no answer");
	TEST_ASSERT(strstr(cw.answer, "ok 0\n") != NULL, "%s", cw.answer);
	TEST_ASSERT_EQUAL(cw.mediator.count, 0u, "not removed");
	return TEST_SUCCESS;
}

/* Who does not want to be asked is not waited for, nor anybody without time. */
static int
test_at_once(void)
{
	const char *got;
	int i;

	for (i = 0; i < 2; i++) {
		TEST_ASSERT_SUCCESS(attach(i == 1), "not attached");
		got = cw_ask(i == 0 ? "remove " UUID_A "\n" : "remove " UUID_A " 0\n");
		TEST_ASSERT(strcmp(got, "ok 0\n") == 0, "%d: %s", i, got);
		TEST_ASSERT(hung_up() && cw.mediator.count == 0, "not removed");
		fdmsg_close(&client, 1);
		client = -1;
		got = cw_ask("add uuid=" UUID_A ",backend=/nowhere/x\n");
		TEST_ASSERT(strncmp(got, "ok ", 3) == 0, "%s", got);
	}
	TEST_ASSERT(!was_asked(), "asked");
	return TEST_SUCCESS;
}

/* Only if nobody has it: who has is neither asked nor cut off. */
static int
test_unused(void)
{
	char wanted[128];
	const char *got;

	TEST_ASSERT_SUCCESS(attach(true), "not attached");
	snprintf(wanted, sizeof(wanted), "error: mdev:" UUID_A
		": process %d has it: end that, or detach the device there\n", getpid());
	got = cw_ask("remove " UUID_A " unused\n");
	TEST_ASSERT(strcmp(got, wanted) == 0, "%s", got);
	TEST_ASSERT(!hung_up() && !was_asked() && cw.mediator.count == 1, "disturbed");
	fdmsg_close(&client, 1);
	client = -1;
	UNTIL(strstr(cw_ask("list\n"), "client -") != NULL);
	got = cw_ask("remove " UUID_A " unused\n");
	TEST_ASSERT(strcmp(got, "ok 0\n") == 0 && cw.mediator.count == 0, "%s", got);
	return TEST_SUCCESS;
}

/* The one who wanted it goes: it goes on. Another one asks: it is sooner. */
static int
test_others(void)
{
	const char *got;

	TEST_ASSERT_SUCCESS(attach(true), "not attached");
	TEST_ASSERT_SUCCESS(ask("remove " UUID_A " 3600000\n"), "not sent");
	UNTIL(was_asked());
	fdmsg_close(&asker, 1);
	UNTIL(ctl_clients(cw.ctl) == 0);
	TEST_ASSERT_EQUAL(cw.mediator.count, 1u, "removed at once");
	TEST_ASSERT_SUCCESS(ask("remove " UUID_A "\n"), "not sent");
	UNTIL(was_asked());
	/* at once, and the one that waits hears of it */
	got = cw_ask("remove " UUID_A " 0\n");
	TEST_ASSERT(strcmp(got, "ok 0\n") == 0 && hung_up(), "%s", got);
	got = cw_ask("add uuid=" UUID_A ",backend=/nowhere/x\n");
	TEST_ASSERT(strncmp(got, "ok ", 3) == 0, "%s", got);
	TEST_ASSERT(cw_receive_all(asker, &answer_len), "no answer");
	TEST_ASSERT(strstr(cw.answer, "ok 0\n") != NULL, "%s", cw.answer);
	TEST_ASSERT_EQUAL(cw.mediator.count, 1u, "the next one is removed, too");
	return TEST_SUCCESS;
}

/* The mediator ends meanwhile. */
static int
test_end(void)
{
	TEST_ASSERT_SUCCESS(attach(true), "not attached");
	TEST_ASSERT_SUCCESS(ask("remove " UUID_A "\n"), "not sent");
	UNTIL(was_asked());
	ctl_destroy(cw.ctl);
	cw.ctl = NULL;
	mediator_fini(&cw.mediator);
	TEST_ASSERT(hung_up(), "still connected");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: removing a device",
	.unit_test_cases = {
		TEST_CASE_ST(start, stop, test_asked),
		TEST_CASE_ST(start, stop, test_late),
		TEST_CASE_ST(start, stop, test_at_once),
		TEST_CASE_ST(start, stop, test_unused),
		TEST_CASE_ST(start, stop, test_others),
		TEST_CASE_ST(start, stop, test_end),
		TEST_CASES_END()
	},
};

static int
test_ctl_remove(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(ctl_remove_autotest, test_ctl_remove);
