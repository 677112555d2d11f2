/* SPDX-License-Identifier: BSD-3-Clause */

/* The commands of the control socket. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "config.h"
#include "ctl_format.h"
#include "ctl_private.h"
#include "log.h"

void
ctl_answer_error(struct client *client, const char *text)
{
	char shown[CONFIG_ERROR_LEN];
	int len;

	text_printable(text, shown, sizeof(shown));
	len = asprintf(&client->answer, CTL_ERROR "%s\n", shown);
	if (len < 0)
		client->answer = NULL;
	else
		client->len = len;
}

static void
answer_ok(struct client *client, const char *text, size_t text_len)
{
	int len;

	len = asprintf(&client->answer, CTL_OK "%zu\n%.*s", text_len, (int)text_len,
		text);
	if (len < 0)
		client->answer = NULL;
	else
		client->len = len;
}

static void
command_list(struct client *client, char *argument)
{
	struct mediator *mediator = client->ctl->mediator;
	struct device_status status;
	struct mediator_device *md;
	char line[CTL_FORMAT_LEN], *text = NULL;
	size_t len = 0;
	FILE *file;

	(void)argument;
	file = open_memstream(&text, &len);
	if (file == NULL) {
		ctl_answer_error(client, "no memory: free some");
		return;
	}
	TAILQ_FOREACH(md, &mediator->devices, next) {
		device_get_status(md->device, &status);
		fwrite(line, 1, ctl_format_line(device_get_conf(md->device), &status,
			line), file);
	}
	if (fclose(file) == 0)
		answer_ok(client, text, len);
	else
		ctl_answer_error(client, "no memory: free some");
	free(text);
}

/* The UUID that an argument is, in lower case; or an answer that it is none. */
static bool
argument_uuid(struct client *client, char *argument, char uuid[TEXT_UUID_LEN])
{
	char shown[TEXT_SHOWN_LEN], error[CONFIG_ERROR_LEN];

	if (text_uuid(argument, uuid))
		return true;
	snprintf(error, sizeof(error), "%s: not a UUID: give one that ctl list shows",
		text_printable(argument, shown, sizeof(shown)));
	ctl_answer_error(client, error);
	return false;
}

static void
answer_unknown(struct client *client, const char *uuid)
{
	char error[CONFIG_ERROR_LEN];

	snprintf(error, sizeof(error), "mdev:%s: no such device: see ctl list", uuid);
	ctl_answer_error(client, error);
}

static void
command_show(struct client *client, char *argument)
{
	char uuid[TEXT_UUID_LEN], text[CTL_FORMAT_LEN];
	struct device_status status;
	struct mediator_device *md;
	size_t len;

	if (!argument_uuid(client, argument, uuid))
		return;
	md = mediator_find(client->ctl->mediator, uuid);
	if (md == NULL) {
		answer_unknown(client, uuid);
		return;
	}
	device_get_status(md->device, &status);
	len = ctl_format_all(device_get_conf(md->device), &status, md->socket, text);
	answer_ok(client, text, len);
}

static void
command_add(struct client *client, char *argument)
{
	char error[CONFIG_ERROR_LEN] = "", text[TEXT_UUID_LEN + 1];
	struct device_conf conf;
	int ret, len;

	ret = config_spec("ctl add", argument, &conf, error);
	if (ret == 0) {
		log_copy_error(error, sizeof(error));
		ret = mediator_add(client->ctl->mediator, &conf);
		log_copy_error(NULL, 0);
	}
	if (ret < 0) {
		ctl_answer_error(client, error[0] != '\0' ? error : strerror(-ret));
		return;
	}
	len = snprintf(text, sizeof(text), "%s\n", conf.uuid);
	answer_ok(client, text, len);
}

/* The device is gone, perhaps another one has come with its UUID. */
static bool
is_removed(const struct client *client)
{
	struct mediator_device *md = mediator_find(client->ctl->mediator, client->uuid);

	return md == NULL || md->looks_left == 0;
}

/* Once a second, so that whoever waits sees that it goes on. */
static bool
send_progress(struct client *client)
{
	char line[TEXT_UUID_LEN + 128];
	struct mediator_device *md;
	struct device_status status;
	int len;

	md = mediator_find(client->ctl->mediator, client->uuid);
	device_get_status(md->device, &status);
	len = snprintf(line, sizeof(line),
		CTL_WAIT "mdev:%s: process %d is asked to let go of it, for %u s more\n",
		client->uuid, status.client, (md->looks_left * MEDIATOR_LOOK_MS + 999) / 1000);
	return send(client->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) == len;
}

static void
look(void *arg)
{
	struct client *client = arg;

	if (is_removed(client)) {
		answer_ok(client, "", 0);
		ctl_client_send(client);
		return;
	}
	if (client->looks++ % (1000 / MEDIATOR_LOOK_MS) == 0 && !send_progress(client)) {
		ctl_client_close(client);
		return;
	}
	loop_timer_set(&client->look, MEDIATOR_LOOK_MS);
}

/* Has somebody the device? Then that is the answer. */
static bool
answer_used(struct client *client, const char *uuid)
{
	struct mediator_device *md = mediator_find(client->ctl->mediator, uuid);
	char error[CONFIG_ERROR_LEN];
	struct device_status status;

	if (md == NULL)
		return false;
	device_get_status(md->device, &status);
	if (status.client < 0)
		return false;
	snprintf(error, sizeof(error),
		"mdev:%s: process %d has it: end that, or detach the device there",
		uuid, status.client);
	ctl_answer_error(client, error);
	return true;
}

/* "remove UUID", "remove UUID MILLISECONDS" or "remove UUID unused". */
static void
command_remove(struct client *client, char *argument)
{
	uint64_t ms = CTL_REMOVE_MS;
	char uuid[TEXT_UUID_LEN], *time;
	bool unused = false;

	time = strchr(argument, ' ');
	if (time != NULL) {
		*time++ = '\0';
		unused = strcmp(time, "unused") == 0;
		if (!unused && !text_number(time, 0, CTL_REMOVE_MAX_MS, &ms)) {
			ctl_answer_error(client, "not a time: give milliseconds, an hour at most");
			return;
		}
	}
	if (!argument_uuid(client, argument, uuid))
		return;
	if (unused && answer_used(client, uuid))
		return;
	switch (mediator_retire(client->ctl->mediator, uuid, ms)) {
	case -ENOENT:
		answer_unknown(client, uuid);
		break;
	case 0:
		LOG(NOTICE, "mdev:%s: removed", uuid);
		answer_ok(client, "", 0);
		break;
	default:
		strcpy(client->uuid, uuid);
		loop_timer_set(&client->limit, client->ctl->limit_ms + ms);
		loop_timer_init(&client->look, client->ctl->mediator->loop, look, client);
		loop_timer_set(&client->look, 0);
		break;
	}
}

static const struct {
	const char *name;
	bool argument;
	void (*run)(struct client *client, char *argument);
} commands[] = {
	{ "list", false, command_list },
	{ "show", true, command_show },
	{ "add", true, command_add },
	{ "remove", true, command_remove },
};

void
ctl_command(struct client *client)
{
	char *argument;
	size_t i;

	argument = strchr(client->request, ' ');
	if (argument != NULL)
		*argument++ = '\0';
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(client->request, commands[i].name) == 0 &&
				commands[i].argument == (argument != NULL)) {
			commands[i].run(client, argument);
			return;
		}
	}
	ctl_answer_error(client, "unknown request: list, show UUID, add SPEC or remove UUID");
}
