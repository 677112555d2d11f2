/* SPDX-License-Identifier: BSD-3-Clause */

/* Folders: what is in them, who may have made them, and what those leave who are killed. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "instance.h"
#include "log.h"
#include "publish.h"
#include "test.h"

#define UUID_A "00000001-abcd-4ef0-9abc-def012345678"
#define UUID_B "00000002-abcd-4ef0-9abc-def012345678"
#define NOBODY 65534

static char top[64];      /* below which all is made */
static char root[80];
static char message[1024]; /* the first error of a test */
static mode_t mask;

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	RTE_SET_USED(st);
	RTE_SET_USED(type);
	RTE_SET_USED(ftw);
	return remove(path);
}

static int
start(void)
{
	mask = umask(022);
	snprintf(top, sizeof(top), "%s/mdev.XXXXXX",
		getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(top) == NULL)
		return TEST_FAILED;
	snprintf(root, sizeof(root), "%s/root", top);
	log_copy_error(message, sizeof(message));
	return TEST_SUCCESS;
}

static void
stop(void)
{
	log_copy_error(NULL, 0);
	nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	umask(mask);
}

/* The path of something below the root. */
static const char *
at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static bool
is_there(const char *name)
{
	struct stat st;

	return lstat(at(name), &st) == 0;
}

/* One line for each entry, sorted: "path mode" or "path -> target" or "path: text". */
static char listing[4096];
static size_t listed;

static void
list_entry(const char *path, const struct stat *st)
{
	char text[256] = "";
	ssize_t n = 0;
	int fd;

	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, text, sizeof(text) - 1);
	} else if (S_ISREG(st->st_mode)) {
		fd = open(path, O_RDONLY);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	listed += snprintf(listing + listed, sizeof(listing) - listed, "%s%s%s %o\n",
		path + strlen(root), S_ISLNK(st->st_mode) ? " -> " :
		S_ISREG(st->st_mode) ? ": " : "", text,
		S_ISLNK(st->st_mode) ? 0 : st->st_mode & 07777);
}

static void
list_folder(const char *path)
{
	struct dirent **names;
	char sub[512];
	struct stat st;
	int n, i;

	n = scandir(path, &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(sub, sizeof(sub), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && lstat(sub, &st) == 0) {
			list_entry(sub, &st);
			if (S_ISDIR(st.st_mode))
				list_folder(sub);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static const char *
list(void)
{
	listed = 0;
	listing[0] = '\0';
	list_folder(root);
	return listing;
}

#define EMPTY_ROOT "/devices 755\n"

static int
test_layout(void)
{
	char path[PUBLISH_PATH_LEN], want[2048];
	struct publish *publish;

	TEST_ASSERT_SUCCESS(publish_open(root, "m", &publish), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, 3, path), "%s", message);
	TEST_ASSERT(strcmp(path, at("m/" UUID_A "/socket")) == 0, "%s", path);
	TEST_ASSERT(!is_there("devices/" UUID_A), "listed before it listens");
	TEST_ASSERT_SUCCESS(publish_show(publish, UUID_A), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_B, -1, path), "%s", message);
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
	TEST_ASSERT(strcmp(list(), want) == 0, "\n%s", listing);
	TEST_ASSERT(strcmp(publish_ctl_path(publish), at("m/ctl")) == 0, "%s",
		publish_ctl_path(publish));
	publish_hide(publish, UUID_A);
	TEST_ASSERT(!is_there("devices/" UUID_A) && is_there("m/" UUID_A), "not hidden");
	publish_remove(publish, UUID_A);
	TEST_ASSERT(!is_there("m/" UUID_A), "not removed");
	publish_close(publish);
	TEST_ASSERT(strcmp(list(), EMPTY_ROOT) == 0, "left:\n%s", listing);
	TEST_ASSERT(message[0] == '\0', "%s", message);
	return TEST_SUCCESS;
}

static int
test_twice(void)
{
	struct publish *one, *other;
	char want[256];

	TEST_ASSERT_SUCCESS(publish_open(root, "m", &one), "%s", message);
	TEST_ASSERT_EQUAL(publish_open(root, "m", &other), -EBUSY, "twice");
	snprintf(want, sizeof(want),
		"m: already running (pid %d): use --name for another one, or ctl add", getpid());
	TEST_ASSERT(strcmp(message, want) == 0, "%s", message);
	TEST_ASSERT(is_there("m/mdev_supported_types/virtio_net/name"),
		"the second took from the first");
	TEST_ASSERT_SUCCESS(publish_open(root, "n", &other), "%s", message);
	publish_close(other);
	publish_close(one);
	return TEST_SUCCESS;
}

/* A mediator of that name with a device, which was killed. */
static int
killed(const char *name, const char *uuid)
{
	char path[PUBLISH_PATH_LEN];
	struct publish *publish;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (publish_open(root, name, &publish) == 0 &&
				publish_add(publish, uuid, 1, path) == 0 &&
				mknod(path, S_IFSOCK | 0600, 0) == 0 &&
				mknod(publish_ctl_path(publish), S_IFSOCK | 0600, 0) == 0 &&
				publish_show(publish, uuid) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	return pid > 0 && is_there("devices") ? TEST_SUCCESS : TEST_FAILED;
}

static int
test_killed(void)
{
	struct publish *publish;

	TEST_ASSERT_SUCCESS(killed("m", UUID_A), "no mediator");
	TEST_ASSERT(is_there("devices/" UUID_A) && is_there("m/" UUID_A "/socket") &&
		is_there("m/ctl"), "nothing was left");
	TEST_ASSERT_SUCCESS(publish_open(root, "m", &publish), "%s", message);
	TEST_ASSERT(!is_there("devices/" UUID_A) && !is_there("m/" UUID_A) &&
		!is_there("m/ctl"), "still there:\n%s", list());
	publish_close(publish);
	TEST_ASSERT(strcmp(list(), EMPTY_ROOT) == 0, "left:\n%s", listing);
	TEST_ASSERT(message[0] == '\0', "%s", message);
	return TEST_SUCCESS;
}

/* Of other names: the dead are cleaned up after, the living are left alone. */
static int
test_killed_other(void)
{
	struct publish *living, *publish;
	char path[PUBLISH_PATH_LEN];

	TEST_ASSERT_SUCCESS(killed("dead", UUID_A), "no mediator");
	TEST_ASSERT_SUCCESS(symlink("../gone/" UUID_A, at("devices/gone")), "link");
	TEST_ASSERT_SUCCESS(symlink("../gone/00000003-abcd-4ef0-9abc-def012345678",
		at("devices/00000003-abcd-4ef0-9abc-def012345678")), "link");
	TEST_ASSERT_SUCCESS(publish_open(root, "living", &living), "%s", message);
	TEST_ASSERT(!is_there("dead") && !is_there("gone"), "not removed:\n%s", list());
	TEST_ASSERT_SUCCESS(publish_add(living, UUID_B, -1, path), "%s", message);
	TEST_ASSERT_SUCCESS(publish_show(living, UUID_B), "%s", message);
	TEST_ASSERT_SUCCESS(publish_open(root, "m", &publish), "%s", message);
	TEST_ASSERT(is_there("devices/" UUID_B) && is_there("living/" UUID_B),
		"the living one was removed:\n%s", list());
	publish_close(publish);
	TEST_ASSERT(is_there("devices/" UUID_B), "the living one was removed");
	publish_close(living);
	TEST_ASSERT(strcmp(list(), "/devices 755\n/devices/gone -> ../gone/" UUID_A " 0\n")
		== 0, "not what is no device's:\n%s", listing);
	return TEST_SUCCESS;
}

static int
test_taken(void)
{
	struct publish *one, *other;
	char path[PUBLISH_PATH_LEN], want[256];

	TEST_ASSERT_SUCCESS(publish_open(root, "one", &one), "%s", message);
	TEST_ASSERT_SUCCESS(publish_open(root, "other", &other), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(one, UUID_A, -1, path), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(other, UUID_A, -1, path), "%s", message);
	TEST_ASSERT_SUCCESS(publish_show(one, UUID_A), "%s", message);
	TEST_ASSERT_EQUAL(publish_show(other, UUID_A), -EEXIST, "both have it");
	publish_remove(other, UUID_A);
	message[0] = '\0';
	TEST_ASSERT_EQUAL(publish_add(other, UUID_A, -1, path), -EEXIST, "both have it");
	TEST_ASSERT(!is_there("other/" UUID_A), "something is left");
	snprintf(want, sizeof(want), "mdev:" UUID_A ": already a device of one (pid %d): remove it there, or use another UUID",
		getpid());
	TEST_ASSERT(strcmp(message, want) == 0, "%s", message);
	publish_hide(other, UUID_A);
	TEST_ASSERT(is_there("devices/" UUID_A), "the other's was hidden");
	publish_close(other);
	TEST_ASSERT(is_there("devices/" UUID_A), "the other's was removed");

	/* of one that died since */
	TEST_ASSERT_SUCCESS(killed("dead", UUID_B), "no mediator");
	TEST_ASSERT_SUCCESS(publish_add(one, UUID_B, -1, path), "%s", message);
	TEST_ASSERT_SUCCESS(publish_show(one, UUID_B), "%s", message);
	TEST_ASSERT(!is_there("dead"), "not removed");
	publish_close(one);
	TEST_ASSERT(strcmp(list(), EMPTY_ROOT) == 0, "left:\n%s", listing);
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

	TEST_ASSERT_SUCCESS(publish_open(root, "m", &publish), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, -1, path), "%s", message);
	for (i = 0; i < RTE_DIM(targets); i++) {
		TEST_ASSERT_SUCCESS(symlink(targets[i], at("devices/" UUID_A)), "link");
		message[0] = '\0';
		TEST_ASSERT_EQUAL(publish_show(publish, UUID_A), -EEXIST, "%s", targets[i]);
		TEST_ASSERT(strcmp(message, "mdev:" UUID_A ": devices/" UUID_A
			" is there and no mediator's: remove it, or use another UUID") == 0,
			"%s", message);
		publish_hide(publish, UUID_A);
		TEST_ASSERT_SUCCESS(unlink(at("devices/" UUID_A)), "%s was removed",
			targets[i]);
	}
	TEST_ASSERT_SUCCESS(mkdir(at("devices/" UUID_A), 0755), "mkdir");
	TEST_ASSERT_EQUAL(publish_show(publish, UUID_A), -EEXIST, "a folder");
	publish_close(publish);
	TEST_ASSERT_SUCCESS(rmdir(at("devices/" UUID_A)), "a folder was removed");
	return TEST_SUCCESS;
}

/* Somebody removes all while it is in use, and perhaps begins anew. */
static int
test_removed(void)
{
	struct publish *old, *new;
	char path[PUBLISH_PATH_LEN];

	TEST_ASSERT_SUCCESS(publish_open(root, "m", &old), "%s", message);
	TEST_ASSERT_SUCCESS(rmdir(at("devices")), "rmdir");
	TEST_ASSERT_SUCCESS(publish_add(old, UUID_A, -1, path), "%s", message);
	TEST_ASSERT_SUCCESS(publish_show(old, UUID_A), "%s", message);
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	TEST_ASSERT(publish_add(old, UUID_B, -1, path) < 0, "in no folder");
	TEST_ASSERT_SUCCESS(publish_open(root, "m", &new), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(new, UUID_A, -1, path), "%s", message);
	TEST_ASSERT_SUCCESS(publish_show(new, UUID_A), "%s", message);
	publish_hide(old, UUID_A);
	publish_close(old);
	TEST_ASSERT(is_there("devices/" UUID_A) && is_there("m/" UUID_A) &&
		is_there("m/lock"), "another one's were removed:\n%s", list());
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

	message[0] = '\0';
	ret = publish_open(root, "m", &publish);
	if (ret == 0)
		publish_close(publish);
	TEST_ASSERT_EQUAL(ret, want, "%s: %d", text, ret);
	snprintf(line, sizeof(line), "%s%s", where, text);
	TEST_ASSERT(strcmp(message, line) == 0, "\n%s\n%s", message, line);
	return TEST_SUCCESS;
}

#define OTHERS ": other users can write to it: chmod go-w it, or choose another folder with --root"
#define OTHERS_INSTANCE ": another user's, or others can write to it: remove it, or use another --name"

static int
test_permissions(void)
{
	char where[256];

	TEST_ASSERT_SUCCESS(mkdir(root, 0755), "mkdir");
	chmod(root, 0775);
	TEST_ASSERT_SUCCESS(refused(-EPERM, root, OTHERS), "root 0775");
	chmod(root, 0757);
	TEST_ASSERT_SUCCESS(refused(-EPERM, root, OTHERS), "root 0757");
	chmod(root, 01777); /* above, but not here */
	TEST_ASSERT_SUCCESS(refused(-EPERM, root, OTHERS), "root 01777");
	chmod(root, 0755);

	chmod(top, 0777);
	TEST_ASSERT_SUCCESS(refused(-EPERM, top, OTHERS), "above 0777");
	chmod(top, 0770);
	TEST_ASSERT_SUCCESS(refused(-EPERM, top, OTHERS), "above 0770");
	chmod(top, 0700);

	TEST_ASSERT_SUCCESS(mkdir(at("m"), 0700), "mkdir");
	chmod(at("m"), 0720);
	snprintf(where, sizeof(where), "%s", at("m"));
	TEST_ASSERT_SUCCESS(refused(-EPERM, where, OTHERS_INSTANCE), "instance 0720");
	chmod(at("m"), 0700);

	TEST_ASSERT_SUCCESS(mkdir(at("devices"), 0755), "mkdir");
	chmod(at("devices"), 0777);
	snprintf(where, sizeof(where), "%s", at("devices"));
	TEST_ASSERT_SUCCESS(refused(-EPERM, where,
		": Operation not permitted: see that it is a folder of this user's that others cannot write to"),
		"devices 0777");
	TEST_ASSERT(!is_there("m"), "something is left:\n%s", list());
	return TEST_SUCCESS;
}

static int
test_links(void)
{
	struct publish *publish;
	char where[256];

	TEST_ASSERT_SUCCESS(symlink("elsewhere", root), "symlink");
	TEST_ASSERT_SUCCESS(refused(-ENOTDIR, root,
		": Not a directory: give a folder in one that is there, with --root"),
		"root is a link");
	unlink(root);
	TEST_ASSERT_SUCCESS(mkdir(root, 0755), "mkdir");
	TEST_ASSERT_SUCCESS(symlink("..", at("m")), "symlink");
	snprintf(where, sizeof(where), "%s", at("m"));
	TEST_ASSERT_SUCCESS(refused(-ENOTDIR, where,
		": Not a directory: see that files can be made there, or use another --root"),
		"the instance is a link");
	unlink(at("m"));
	TEST_ASSERT_SUCCESS(symlink("..", at("devices")), "symlink");
	snprintf(where, sizeof(where), "%s", at("devices"));
	TEST_ASSERT_SUCCESS(refused(-ENOTDIR, where,
		": Not a directory: see that it is a folder of this user's that others cannot write to"),
		"devices is a link");
	unlink(at("devices"));

	/* above it is the owner's business where a link leads */
	snprintf(where, sizeof(where), "%s/link", top);
	TEST_ASSERT_SUCCESS(symlink(root, where), "symlink");
	strcat(where, "/sub");
	TEST_ASSERT_SUCCESS(publish_open(where, "m", &publish), "%s", message);
	TEST_ASSERT(strcmp(publish_ctl_path(publish), at("sub/m/ctl")) == 0, "%s",
		publish_ctl_path(publish));
	publish_close(publish);
	return TEST_SUCCESS;
}

/* The lock is no file to be followed or waited for, either. */
static int
test_lock_file(void)
{
	char where[256];

	TEST_ASSERT_SUCCESS(mkdir(root, 0755) + mkdir(at("m"), 0700), "mkdir");
	TEST_ASSERT_SUCCESS(symlink("/etc/passwd", at("m/lock")), "symlink");
	snprintf(where, sizeof(where), "%s", at("m"));
	TEST_ASSERT_SUCCESS(refused(-ELOOP, where, ": Too many levels of symbolic links: see that files can be made there, or use another --root"),
		"a link");
	unlink(at("m/lock"));
	TEST_ASSERT_SUCCESS(mkdir(at("m/photos"), 0755), "mkdir");
	TEST_ASSERT_SUCCESS(refused(-ENOTEMPTY, where,
		": has files that are no mediator's: remove it, or use another --name"),
		"somebody's folder");
	TEST_ASSERT(is_there("m/photos") && !is_there("m/lock"), "it was changed:\n%s",
		list());
	return TEST_SUCCESS;
}

/* What else a folder has that was ours stays, and the next start is not kept from it. */
static int
test_not_ours(void)
{
	struct publish *publish;
	char path[PUBLISH_PATH_LEN];

	TEST_ASSERT_SUCCESS(publish_open(root, "m", &publish), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, -1, path), "%s", message);
	TEST_ASSERT_SUCCESS(mkdir(at("m/" UUID_A "/mine"), 0755), "mkdir");
	publish_close(publish);
	TEST_ASSERT(is_there("m/" UUID_A "/mine"), "removed");
	TEST_ASSERT_SUCCESS(publish_open(root, "m", &publish), "%s", message);
	TEST_ASSERT_SUCCESS(rmdir(at("m/" UUID_A "/mine")), "removed");
	publish_close(publish);
	TEST_ASSERT(strcmp(list(), EMPTY_ROOT) == 0, "left:\n%s", listing);
	return TEST_SUCCESS;
}

static int
test_other_user(void)
{
	char text[256];

	if (geteuid() != 0)
		return test_skip("needs root, who can give files away");
	TEST_ASSERT_SUCCESS(mkdir(root, 0755), "mkdir");
	snprintf(text, sizeof(text), ": belongs to another user (%d): choose another folder with --root",
		NOBODY);
	TEST_ASSERT_SUCCESS(chown(root, NOBODY, 0), "chown");
	TEST_ASSERT_SUCCESS(refused(-EPERM, root, text), "root");
	TEST_ASSERT_SUCCESS(chown(root, 0, 0) + chown(top, NOBODY, 0), "chown");
	TEST_ASSERT_SUCCESS(refused(-EPERM, top, text), "above");

	/* the other way round: root's folder for an ordinary user */
	TEST_ASSERT_SUCCESS(chown(top, 0, 0) + chmod(top, 0755) + seteuid(NOBODY), "seteuid");
	snprintf(text, sizeof(text), ": belongs to root: run as root, or choose another folder with --root");
	TEST_ASSERT_SUCCESS(refused(-EPERM, root, text), "root's");
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
		message[0] = '\0';
		TEST_ASSERT_EQUAL(publish_open(bad[i], "m", &publish), -EINVAL, "%s", bad[i]);
		snprintf(want, sizeof(want), "%s: Invalid argument: give a folder in one that is there, with --root",
			bad[i]);
		TEST_ASSERT(strcmp(message, want) == 0, "%s", message);
	}
	TEST_ASSERT_EQUAL(publish_open(at("a/b"), "m", &publish), -ENOENT, "in no folder");
	/* 107 characters are "/r.../m/<36>/socket" */
	memset(long_root, 'r', sizeof(long_root));
	long_root[0] = '/';
	long_root[61] = '\0';
	TEST_ASSERT_SUCCESS(publish_find_ctl(long_root, "m", path), "%s", message);
	TEST_ASSERT_EQUAL(strlen(path) - strlen("/ctl"), 63u, "%s", path);
	long_root[61] = 'r';
	long_root[62] = '\0';
	message[0] = '\0';
	TEST_ASSERT_EQUAL(publish_find_ctl(long_root, "m", path), -ENAMETOOLONG, "longer");
	snprintf(want, sizeof(want), "%s: too long a path for sockets: give a --root of 61 characters at most, or a shorter --name",
		long_root);
	TEST_ASSERT(strcmp(message, want) == 0, "%s", message);
	return TEST_SUCCESS;
}

static int
test_longest(void)
{
	char name[PUBLISH_PATH_LEN] = "", path[PUBLISH_PATH_LEN];
	struct publish *publish;

	memset(name, 'n', 107 - strlen("/" UUID_A "/socket") - strlen(root) - 1);
	TEST_ASSERT_SUCCESS(publish_open(root, name, &publish), "%s", message);
	TEST_ASSERT_SUCCESS(publish_add(publish, UUID_A, -1, path), "%s", message);
	TEST_ASSERT_EQUAL(strlen(path), 107u, "%zu", strlen(path));
	publish_close(publish);
	strcat(root, "r");
	TEST_ASSERT_EQUAL(publish_open(root, name, &publish), -ENAMETOOLONG, "longer");
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
	message[0] = '\0';
	none = publish_default_root(path);
	setenv("XDG_RUNTIME_DIR", "run", 1);
	relative = publish_default_root(path);
	setenv("XDG_RUNTIME_DIR", top, 1);
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
	TEST_ASSERT(strcmp(message, "XDG_RUNTIME_DIR names no folder: set it as a login does, or give a folder with --root")
		== 0, "%s", message);
	snprintf(want, sizeof(want), "%s/mdev", top);
	TEST_ASSERT(strcmp(path, want) == 0, "%s", path);
	return TEST_SUCCESS;
}

#define RACERS 6
#define ROUNDS 40

/* Run race(n) in so many processes at the same time; their exit statuses are added. */
static int
run_racers(int (*race)(int number, int wait_fd))
{
	int fds[2], status, sum = 0, i;
	pid_t pids[RACERS];

	fflush(stdout);
	if (pipe(fds) < 0)
		return -1;
	for (i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(fds[1]);
			log_set_level(LOG_EMERG);
			_exit(race(i, fds[0]));
		}
	}
	close(fds[0]);
	close(fds[1]); /* they are off */
	for (i = 0; i < RACERS; i++) {
		if (waitpid(pids[i], &status, 0) < 0 || !WIFEXITED(status) ||
				WEXITSTATUS(status) >= 100)
			return -1;
		sum += WEXITSTATUS(status);
	}
	return sum;
}

static void
wait_for_all(int fd)
{
	char c;

	if (read(fd, &c, 1) != 0)
		_exit(100);
}

/* A folder that one at a time can make. */
static bool
alone(void)
{
	return mkdir(at("alone"), 0700) == 0 && rmdir(at("alone")) == 0;
}

/* Start and end, again and again, under one name: never two at once, no other failure. */
static int
race_name(int number, int wait_fd)
{
	char path[PUBLISH_PATH_LEN];
	struct publish *publish;
	int i, ret, got = 0;

	RTE_SET_USED(number);
	wait_for_all(wait_fd);
	for (i = 0; i < ROUNDS; i++) {
		ret = publish_open(root, "m", &publish);
		if (ret == -EBUSY)
			continue;
		if (ret < 0 || !alone() || publish_add(publish, UUID_A, -1, path) < 0 ||
				publish_show(publish, UUID_A) < 0 || !alone() ||
				!is_there("devices/" UUID_A))
			return 100;
		if (i % 13 == 12) {
			/* as if it were killed, but for the lock, which goes here */
			_exit(1);
		}
		publish_close(publish);
		got = 1;
	}
	return got;
}

static int
test_race_name(void)
{
	struct publish *publish;
	int sum;

	TEST_ASSERT_SUCCESS(mkdir(root, 0755), "mkdir");
	sum = run_racers(race_name);
	TEST_ASSERT(sum >= 1, "%d", sum);
	TEST_ASSERT_SUCCESS(publish_open(root, "m", &publish), "%s", message);
	publish_close(publish);
	TEST_ASSERT(strcmp(list(), EMPTY_ROOT) == 0, "left:\n%s", listing);
	return TEST_SUCCESS;
}

/* The last of those that do not have it ends the wait of the one that has. */
static void
race_lost(int number)
{
	char name[16];
	int i, lost = 0;

	snprintf(name, sizeof(name), "lost%d", number);
	mkdir(at(name), 0700);
	for (i = 0; i < RACERS; i++) {
		snprintf(name, sizeof(name), "lost%d", i);
		lost += is_there(name);
	}
	if (lost >= RACERS - 1)
		mkdir(at("over"), 0700);
}

/* Several mediators want one UUID, in the place of a dead one: exactly one has it. */
static int
race_uuid(int number, int wait_fd)
{
	char path[PUBLISH_PATH_LEN], name[16];
	struct publish *publish = NULL;
	int ret;

	snprintf(name, sizeof(name), "m%d", number);
	wait_for_all(wait_fd);
	ret = publish_open(root, name, &publish);
	if (ret == 0)
		ret = publish_add(publish, UUID_A, -1, path);
	if (ret == 0)
		ret = publish_show(publish, UUID_A);
	if (ret < 0)
		race_lost(number);
	/* the others are to find it, so it stays */
	while (ret == 0 && getppid() != 1 && !is_there("over"))
		usleep(1000);
	publish_close(publish);
	return ret == 0 ? 1 : ret == -EEXIST ? 0 : 100;
}

static int
test_race_uuid(void)
{
	int i, sum;

	for (i = 0; i < ROUNDS / 4; i++) {
		TEST_ASSERT_SUCCESS(killed("dead", UUID_A), "no mediator");
		sum = run_racers(race_uuid);
		TEST_ASSERT_EQUAL(sum, 1, "round %d: %d have it", i, sum);
		TEST_ASSERT(!is_there("devices/" UUID_A), "it is left");
		nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: folders",
	.unit_test_cases = {
		TEST_CASE_ST(start, stop, test_layout),
		TEST_CASE_ST(start, stop, test_twice),
		TEST_CASE_ST(start, stop, test_killed),
		TEST_CASE_ST(start, stop, test_killed_other),
		TEST_CASE_ST(start, stop, test_taken),
		TEST_CASE_ST(start, stop, test_foreign),
		TEST_CASE_ST(start, stop, test_removed),
		TEST_CASE_ST(start, stop, test_permissions),
		TEST_CASE_ST(start, stop, test_links),
		TEST_CASE_ST(start, stop, test_lock_file),
		TEST_CASE_ST(start, stop, test_not_ours),
		TEST_CASE_ST(start, stop, test_other_user),
		TEST_CASE_ST(start, stop, test_paths),
		TEST_CASE_ST(start, stop, test_longest),
		TEST_CASE(test_names),
		TEST_CASE_ST(start, stop, test_default_root),
		TEST_CASE_ST(start, stop, test_race_name),
		TEST_CASE_ST(start, stop, test_race_uuid),
		TEST_CASES_END()
	},
};

static int
test_publish(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(publish_autotest, test_publish);
