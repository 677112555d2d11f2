/* SPDX-License-Identifier: BSD-3-Clause */

/* Folders: what is in them, and who may have made them. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "instance.h"
#include "publish.h"
#include "publish_place.h"
#include "test.h"

static int
test_layout(void)
{
	char path[PUBLISH_PATH_LEN], want[2048];
	struct publish *publish;

	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, 3, path), "%s", place.message);
	TEST_ASSERT(strcmp(path, place_path("m/" UUID_A "/socket")) == 0, "%s", path);
	TEST_ASSERT(!place_has("devices/" UUID_A), "listed before it listens");
	TEST_ASSERT_SUCCESS(publish_show(publish, UUID_A), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_B, -1, path), "%s", place.message);
	snprintf(want, sizeof(want), "/devices 755\n"
		"/devices/" UUID_A " -> ../m/" UUID_A " 0\n"
		"/m 700\n"
		"/m/" UUID_A " 700\n"
		"/m/" UUID_A "/mdev_type -> ../mdev_supported_types/virtio_net 0\n"
		"/m/" UUID_A "/numa_node: 3 644\n"
		"/m/" UUID_B " 700\n"
		"/m/" UUID_B "/mdev_type -> ../mdev_supported_types/virtio_net 0\n"
		"/m/lock: %d 600\n"
		"/m/mdev_supported_types 700\n"
		"/m/mdev_supported_types/virtio_net 700\n"
		"/m/mdev_supported_types/virtio_net/description: packets: a vhost-user backend's, device access: vfio-user 644\n"
		"/m/mdev_supported_types/virtio_net/device_api: vfio-pci 644\n"
		"/m/mdev_supported_types/virtio_net/name: virtio network device 644\n",
		getpid());
	TEST_ASSERT(strcmp(place_list(), want) == 0, "\n%s", place.listing);
	TEST_ASSERT(strcmp(publish_ctl_path(publish), place_path("m/ctl")) == 0, "%s",
		publish_ctl_path(publish));
	publish_hide(publish, UUID_A);
	TEST_ASSERT(!place_has("devices/" UUID_A) && place_has("m/" UUID_A), "not hidden");
	publish_remove(publish, UUID_A);
	TEST_ASSERT(!place_has("m/" UUID_A), "not removed");
	publish_close(publish);
	TEST_ASSERT(strcmp(place_list(), EMPTY_ROOT) == 0, "left:\n%s", place.listing);
	TEST_ASSERT(place.message[0] == '\0', "%s", place.message);
	return TEST_SUCCESS;
}

static int
test_twice(void)
{
	struct publish *one, *other;
	char want[256];

	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &one), "%s", place.message);
	TEST_ASSERT_EQUAL(publish_open(place.root, "m", &other), -EBUSY, "twice");
	snprintf(want, sizeof(want),
		"m: already running (pid %d): use --name for another one, or ctl add", getpid());
	TEST_ASSERT(strcmp(place.message, want) == 0, "%s", place.message);
	TEST_ASSERT(place_has("m/mdev_supported_types/virtio_net/name"),
		"the second took from the first");
	TEST_ASSERT_SUCCESS(publish_open(place.root, "n", &other), "%s", place.message);
	publish_close(other);
	publish_close(one);
	return TEST_SUCCESS;
}

static int
test_taken(void)
{
	struct publish *one, *other;
	char path[PUBLISH_PATH_LEN], want[256];

	TEST_ASSERT_SUCCESS(publish_open(place.root, "one", &one), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_open(place.root, "other", &other), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(one, UUID_A, -1, path), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(other, UUID_A, -1, path), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_show(one, UUID_A), "%s", place.message);
	TEST_ASSERT_EQUAL(publish_show(other, UUID_A), -EEXIST, "both have it");
	publish_remove(other, UUID_A);
	place.message[0] = '\0';
	TEST_ASSERT_EQUAL(publish_add(other, UUID_A, -1, path), -EEXIST, "both have it");
	TEST_ASSERT(!place_has("other/" UUID_A), "something is left");
	snprintf(want, sizeof(want), "mdev:" UUID_A ": already a device of one (pid %d): remove it there, or use another UUID",
		getpid());
	TEST_ASSERT(strcmp(place.message, want) == 0, "%s", place.message);
	publish_hide(other, UUID_A);
	TEST_ASSERT(place_has("devices/" UUID_A), "the other's was hidden");
	publish_close(other);
	TEST_ASSERT(place_has("devices/" UUID_A), "the other's was removed");

	/* of one that died since */
	TEST_ASSERT_SUCCESS(place_killed("dead", UUID_B), "no mediator");
	TEST_ASSERT_SUCCESS(publish_add(one, UUID_B, -1, path), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_show(one, UUID_B), "%s", place.message);
	TEST_ASSERT(!place_has("dead"), "not removed");
	publish_close(one);
	TEST_ASSERT(strcmp(place_list(), EMPTY_ROOT) == 0, "left:\n%s", place.listing);
	return TEST_SUCCESS;
}

/* What is at a device's place but no mediator's stays, whatever it is. */
static int
test_foreign(void)
{
	static const char *const targets[] = {
		"/etc", "../m/" UUID_B, "../../m/" UUID_A, "m/" UUID_A, "../m/n/" UUID_A,
		"../devices/" UUID_A, "../" UUID_A, "../.m/" UUID_A,
		"../a-name-with-one-more-than-32-chars/" UUID_A,
	};
	struct publish *publish;
	char path[PUBLISH_PATH_LEN];
	size_t i;

	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, -1, path), "%s", place.message);
	for (i = 0; i < RTE_DIM(targets); i++) {
		TEST_ASSERT_SUCCESS(symlink(targets[i], place_path("devices/" UUID_A)), "link");
		place.message[0] = '\0';
		TEST_ASSERT_EQUAL(publish_show(publish, UUID_A), -EEXIST, "%s", targets[i]);
		TEST_ASSERT(strcmp(place.message, "mdev:" UUID_A ": devices/" UUID_A
			" is there and no mediator's: remove it, or use another UUID") == 0,
			"%s", place.message);
		publish_hide(publish, UUID_A);
		TEST_ASSERT_SUCCESS(unlink(place_path("devices/" UUID_A)), "%s was removed",
			targets[i]);
	}
	TEST_ASSERT_SUCCESS(mkdir(place_path("devices/" UUID_A), 0755), "mkdir");
	TEST_ASSERT_EQUAL(publish_show(publish, UUID_A), -EEXIST, "a folder");
	publish_close(publish);
	TEST_ASSERT_SUCCESS(rmdir(place_path("devices/" UUID_A)), "a folder was removed");
	return TEST_SUCCESS;
}

/* Somebody removes all while it is in use, and perhaps begins anew. */
static int
test_removed(void)
{
	struct publish *old, *new;
	char path[PUBLISH_PATH_LEN];

	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &old), "%s", place.message);
	TEST_ASSERT_SUCCESS(rmdir(place_path("devices")), "rmdir");
	TEST_ASSERT_SUCCESS(publish_add(old, UUID_A, -1, path), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_show(old, UUID_A), "%s", place.message);
	place_remove("m");
	place_remove("devices");
	TEST_ASSERT(publish_add(old, UUID_B, -1, path) < 0, "in no folder");
	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &new), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(new, UUID_A, -1, path), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_show(new, UUID_A), "%s", place.message);
	publish_hide(old, UUID_A);
	TEST_ASSERT(place_has("devices/" UUID_A), "another one's was hidden");
	publish_close(old);
	TEST_ASSERT(place_has("devices/" UUID_A) && place_has("m/" UUID_A) &&
		place_has("m/lock"), "another one's were removed:\n%s", place_list());
	publish_close(new);
	return TEST_SUCCESS;
}

/* Refuse to start there; the whole line is "<root> or more<text>". */
static int
refused(int want, const char *where, const char *text)
{
	struct publish *publish;
	char line[512];
	int ret;

	place.message[0] = '\0';
	ret = publish_open(place.root, "m", &publish);
	if (ret == 0)
		publish_close(publish);
	TEST_ASSERT_EQUAL(ret, want, "%s: %d", text, ret);
	snprintf(line, sizeof(line), "%s%s", where, text);
	TEST_ASSERT(strcmp(place.message, line) == 0, "\n%s\n%s", place.message, line);
	return TEST_SUCCESS;
}

#define OTHERS ": other users can write to it: chmod go-w it, or choose another folder with --root"
#define OTHERS_INSTANCE ": another user's, or others can write to it: remove it, or use another --name"

static int
test_permissions(void)
{
	char where[256];

	TEST_ASSERT_SUCCESS(mkdir(place.root, 0755), "mkdir");
	chmod(place.root, 0775);
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.root, OTHERS), "root 0775");
	chmod(place.root, 0757);
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.root, OTHERS), "root 0757");
	chmod(place.root, 01777); /* above, but not here */
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.root, OTHERS), "root 01777");
	chmod(place.root, 0755);

	chmod(place.top, 0777);
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.top, OTHERS), "above 0777");
	chmod(place.top, 0770);
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.top, OTHERS), "above 0770");
	chmod(place.top, 0700);

	TEST_ASSERT_SUCCESS(mkdir(place_path("m"), 0700), "mkdir");
	chmod(place_path("m"), 0720);
	snprintf(where, sizeof(where), "%s", place_path("m"));
	TEST_ASSERT_SUCCESS(refused(-EPERM, where, OTHERS_INSTANCE), "instance 0720");
	chmod(place_path("m"), 0700);

	TEST_ASSERT_SUCCESS(mkdir(place_path("devices"), 0755), "mkdir");
	chmod(place_path("devices"), 0777);
	snprintf(where, sizeof(where), "%s", place_path("devices"));
	TEST_ASSERT_SUCCESS(refused(-EPERM, where,
		": Operation not permitted: see that it is a folder of this user's that others cannot write to"),
		"devices 0777");
	TEST_ASSERT(!place_has("m"), "something is left:\n%s", place_list());
	return TEST_SUCCESS;
}

static int
test_links(void)
{
	struct publish *publish;
	char where[256];

	TEST_ASSERT_SUCCESS(symlink("elsewhere", place.root), "symlink");
	TEST_ASSERT_SUCCESS(refused(-ENOTDIR, place.root,
		": Not a directory: give a folder in one that is there, with --root"),
		"root is a link");
	unlink(place.root);
	TEST_ASSERT_SUCCESS(mkdir(place.root, 0755), "mkdir");
	TEST_ASSERT_SUCCESS(symlink("..", place_path("m")), "symlink");
	snprintf(where, sizeof(where), "%s", place_path("m"));
	TEST_ASSERT_SUCCESS(refused(-ENOTDIR, where,
		": Not a directory: see that files can be made there, or use another --root"),
		"the instance is a link");
	unlink(place_path("m"));
	TEST_ASSERT_SUCCESS(symlink("..", place_path("devices")), "symlink");
	snprintf(where, sizeof(where), "%s", place_path("devices"));
	TEST_ASSERT_SUCCESS(refused(-ENOTDIR, where,
		": Not a directory: see that it is a folder of this user's that others cannot write to"),
		"devices is a link");
	unlink(place_path("devices"));

	/* above it is the owner's business where a link leads */
	snprintf(where, sizeof(where), "%s/link", place.top);
	TEST_ASSERT_SUCCESS(symlink(place.root, where), "symlink");
	strcat(where, "/sub");
	TEST_ASSERT_SUCCESS(publish_open(where, "m", &publish), "%s", place.message);
	TEST_ASSERT(strcmp(publish_ctl_path(publish), place_path("sub/m/ctl")) == 0, "%s",
		publish_ctl_path(publish));
	publish_close(publish);
	return TEST_SUCCESS;
}

/* The lock is no file to be followed or waited for, either. */
static int
test_lock_file(void)
{
	char where[256];

	TEST_ASSERT_SUCCESS(mkdir(place.root, 0755) + mkdir(place_path("m"), 0700), "mkdir");
	TEST_ASSERT_SUCCESS(symlink("/etc/passwd", place_path("m/lock")), "symlink");
	snprintf(where, sizeof(where), "%s", place_path("m"));
	TEST_ASSERT_SUCCESS(refused(-ELOOP, where, ": Too many levels of symbolic links: see that files can be made there, or use another --root"),
		"a link");
	unlink(place_path("m/lock"));
	TEST_ASSERT_SUCCESS(mkdir(place_path("m/photos"), 0755), "mkdir");
	TEST_ASSERT_SUCCESS(refused(-ENOTEMPTY, where,
		": has files that are no mediator's: remove it, or use another --name"),
		"somebody's folder");
	TEST_ASSERT(place_has("m/photos") && !place_has("m/lock"), "it was changed:\n%s",
		place_list());
	return TEST_SUCCESS;
}

/* What else a folder has that was ours stays, and the next start is not kept from it. */
static int
test_not_ours(void)
{
	struct publish *publish;
	char path[PUBLISH_PATH_LEN];

	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, -1, path), "%s", place.message);
	TEST_ASSERT_SUCCESS(mkdir(place_path("m/" UUID_A "/mine"), 0755), "mkdir");
	publish_close(publish);
	TEST_ASSERT(place_has("m/" UUID_A "/mine"), "removed");
	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	TEST_ASSERT_SUCCESS(rmdir(place_path("m/" UUID_A "/mine")), "removed");
	publish_close(publish);
	TEST_ASSERT(strcmp(place_list(), EMPTY_ROOT) == 0, "left:\n%s", place.listing);
	return TEST_SUCCESS;
}

static int
test_other_user(void)
{
	char text[256];

	if (geteuid() != 0)
		return test_skip("needs root, who can give files away");
	TEST_ASSERT_SUCCESS(mkdir(place.root, 0755), "mkdir");
	snprintf(text, sizeof(text), ": belongs to another user (%d): choose another folder with --root",
		NOBODY);
	TEST_ASSERT_SUCCESS(chown(place.root, NOBODY, 0), "chown");
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.root, text), "root");
	TEST_ASSERT_SUCCESS(chown(place.root, 0, 0) + chown(place.top, NOBODY, 0), "chown");
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.top, text), "above");

	/* the other way round: root's folder for an ordinary user */
	TEST_ASSERT_SUCCESS(chown(place.top, 0, 0) + chmod(place.top, 0755) + seteuid(NOBODY), "seteuid");
	snprintf(text, sizeof(text), ": belongs to root: run as root, or choose another folder with --root");
	TEST_ASSERT_SUCCESS(refused(-EPERM, place.root, text), "root's");
	TEST_ASSERT_SUCCESS(seteuid(0), "seteuid");
	return TEST_SUCCESS;
}

static int
test_paths(void)
{
	static const char *const bad[] = { "", "/", ".", "..", "a/..", "a/.", "//" };
	char path[PUBLISH_PATH_LEN], long_root[128], want[256];
	struct publish *publish;
	size_t i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		place.message[0] = '\0';
		TEST_ASSERT_EQUAL(publish_open(bad[i], "m", &publish), -EINVAL, "%s", bad[i]);
		snprintf(want, sizeof(want), "%s: Invalid argument: give a folder in one that is there, with --root",
			bad[i]);
		TEST_ASSERT(strcmp(place.message, want) == 0, "%s", place.message);
	}
	TEST_ASSERT_EQUAL(publish_open(place_path("a/b"), "m", &publish), -ENOENT, "in no folder");
	/* 107 characters are "/r.../m/<36>/socket" */
	memset(long_root, 'r', sizeof(long_root));
	long_root[0] = '/';
	long_root[61] = '\0';
	TEST_ASSERT_SUCCESS(publish_find_ctl(long_root, "m", path), "%s", place.message);
	TEST_ASSERT_EQUAL(strlen(path) - strlen("/ctl"), 63u, "%s", path);
	long_root[61] = 'r';
	long_root[62] = '\0';
	place.message[0] = '\0';
	TEST_ASSERT_EQUAL(publish_find_ctl(long_root, "m", path), -ENAMETOOLONG, "longer");
	snprintf(want, sizeof(want), "%s: too long a path for sockets: give a --root of 61 characters at most, or a shorter --name",
		long_root);
	TEST_ASSERT(strcmp(place.message, want) == 0, "%s", place.message);
	return TEST_SUCCESS;
}

static int
test_longest(void)
{
	char name[PUBLISH_PATH_LEN] = "", path[PUBLISH_PATH_LEN];
	struct publish *publish;

	memset(name, 'n', 107 - strlen("/" UUID_A "/socket") - strlen(place.root) - 1);
	TEST_ASSERT_SUCCESS(publish_open(place.root, name, &publish), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, -1, path), "%s", place.message);
	TEST_ASSERT_EQUAL(strlen(path), 107u, "%zu", strlen(path));
	publish_close(publish);
	strcat(place.root, "r");
	TEST_ASSERT_EQUAL(publish_open(place.root, name, &publish), -ENAMETOOLONG, "longer");
	return TEST_SUCCESS;
}

static int
test_names(void)
{
	static const char *const good[] = {
		"m", "mediator0", "a.b_c-D9", "0", "12345678901234567890123456789012",
	};
	static const char *const bad[] = {
		"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "devices", "\xff",
		"123456789012345678901234567890123",
	};
	size_t i;

	for (i = 0; i < RTE_DIM(good); i++)
		TEST_ASSERT(instance_name_ok(good[i]), "%s", good[i]);
	for (i = 0; i < RTE_DIM(bad); i++)
		TEST_ASSERT(!instance_name_ok(bad[i]), "%s", bad[i]);
	return TEST_SUCCESS;
}

static int
test_default_root(void)
{
	char *saved = getenv("XDG_RUNTIME_DIR"), path[PATH_MAX], want[PATH_MAX + 8];
	char *kept = saved != NULL ? strdup(saved) : NULL;
	int ret, none, relative, set;
	bool was_root = geteuid() == 0;

	ret = publish_default_root(path);
	TEST_ASSERT(!was_root || (ret == 0 && strcmp(path, "/run/mdev") == 0), "%s", path);
	if (was_root)
		TEST_ASSERT_SUCCESS(seteuid(NOBODY), "seteuid");
	unsetenv("XDG_RUNTIME_DIR");
	place.message[0] = '\0';
	none = publish_default_root(path);
	setenv("XDG_RUNTIME_DIR", "run", 1);
	relative = publish_default_root(path);
	setenv("XDG_RUNTIME_DIR", place.top, 1);
	set = publish_default_root(path);
	if (kept != NULL)
		setenv("XDG_RUNTIME_DIR", kept, 1);
	else
		unsetenv("XDG_RUNTIME_DIR");
	free(kept);
	if (was_root)
		TEST_ASSERT_SUCCESS(seteuid(0), "seteuid");
	TEST_ASSERT(none == -ENOENT && relative == -ENOENT && set == 0, "%d %d %d", none,
		relative, set);
	TEST_ASSERT(strcmp(place.message, "XDG_RUNTIME_DIR names no folder: set it as a login does, or give a folder with --root")
		== 0, "%s", place.message);
	snprintf(want, sizeof(want), "%s/mdev", place.top);
	TEST_ASSERT(strcmp(path, want) == 0, "%s", path);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: folders",
	.unit_test_cases = {
		TEST_CASE_ST(place_start, place_stop, test_layout),
		TEST_CASE_ST(place_start, place_stop, test_twice),
		TEST_CASE_ST(place_start, place_stop, test_taken),
		TEST_CASE_ST(place_start, place_stop, test_foreign),
		TEST_CASE_ST(place_start, place_stop, test_removed),
		TEST_CASE_ST(place_start, place_stop, test_permissions),
		TEST_CASE_ST(place_start, place_stop, test_links),
		TEST_CASE_ST(place_start, place_stop, test_lock_file),
		TEST_CASE_ST(place_start, place_stop, test_not_ours),
		TEST_CASE_ST(place_start, place_stop, test_other_user),
		TEST_CASE_ST(place_start, place_stop, test_paths),
		TEST_CASE_ST(place_start, place_stop, test_longest),
		TEST_CASE(test_names),
		TEST_CASE_ST(place_start, place_stop, test_default_root),
		TEST_CASES_END()
	},
};

static int
test_publish(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(publish_autotest, test_publish);
