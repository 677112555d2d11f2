// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread for each open device serves its rings.
 *
 * A doorbell page that the client has mapped tells us nothing, so the thread
 * looks at the rings by itself: at once while it finds work, then at intervals
 * that double up to poll_max_us, and more rarely when the device has been idle
 * for a while: a look each millisecond takes an eighth of an emulated processor.
 * A trapped doorbell, the host's interface and registers wake it at any time.
 */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "mdev_virtio_core.h"

#define POLL_MIN_US	20U
#define POLL_MAX_US	100000U

/* After so many looks in vain the limit is so much higher. */
#define IDLE_POLLS	256
#define IDLE_FACTOR	8

static unsigned int poll_max_us = 1000;
module_param(poll_max_us, uint, 0644);
MODULE_PARM_DESC(poll_max_us,
		 "Longest interval between two looks at rings in use, in microseconds (1000)");

#define KICKED		0

static bool woken(struct mdev_virtio_worker *worker)
{
	return test_bit(KICKED, &worker->kicked) || kthread_should_stop();
}

static unsigned int next_interval(unsigned int us, unsigned int idle_polls)
{
	unsigned int limit = clamp(READ_ONCE(poll_max_us), POLL_MIN_US,
				   POLL_MAX_US);

	if (idle_polls > IDLE_POLLS)
		limit *= IDLE_FACTOR;
	return min(2 * us, limit);
}

/* Interruptible only in name, kthreads get no signals: keeps the load at 0. */
static void nap(struct mdev_virtio_worker *worker, unsigned int us)
{
	wait_event_interruptible_hrtimeout(worker->wait, woken(worker),
					   ns_to_ktime((u64)us * NSEC_PER_USEC));
}

static int worker_thread(void *data)
{
	struct mdev_virtio_worker *worker = data;
	unsigned int us = POLL_MIN_US;
	unsigned int idle_polls = 0;

	while (!kthread_should_stop()) {
		/* A full barrier: what was there before the kick is seen below. */
		test_and_clear_bit(KICKED, &worker->kicked);

		switch (worker->work(worker->mvdev)) {
		case MDEV_VIRTIO_WORK_MORE:
			us = POLL_MIN_US;
			idle_polls = 0;
			cond_resched();
			break;
		case MDEV_VIRTIO_WORK_POLL:
			nap(worker, us);
			us = next_interval(us, ++idle_polls);
			break;
		case MDEV_VIRTIO_WORK_SLEEP:
			wait_event_interruptible(worker->wait, woken(worker));
			us = POLL_MIN_US;
			idle_polls = 0;
			break;
		}
	}
	return 0;
}

void mdev_virtio_worker_init(struct mdev_virtio_worker *worker,
			     struct mdev_virtio_device *mvdev,
			     enum mdev_virtio_work
			     (*work)(struct mdev_virtio_device *mvdev))
{
	init_waitqueue_head(&worker->wait);
	worker->mvdev = mvdev;
	worker->work = work;
}
EXPORT_SYMBOL_GPL(mdev_virtio_worker_init);

int mdev_virtio_worker_start(struct mdev_virtio_worker *worker)
{
	struct task_struct *task;

	task = kthread_run(worker_thread, worker, "mdev-%s",
			   dev_name(mvdev_dev(worker->mvdev)));
	if (IS_ERR(task))
		return PTR_ERR(task);
	worker->task = task;
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_worker_start);

void mdev_virtio_worker_stop(struct mdev_virtio_worker *worker)
{
	if (worker->task)
		kthread_stop(worker->task);
	worker->task = NULL;
}
EXPORT_SYMBOL_GPL(mdev_virtio_worker_stop);

void mdev_virtio_worker_kick(struct mdev_virtio_worker *worker)
{
	if (!test_and_set_bit(KICKED, &worker->kicked))
		wake_up(&worker->wait);
}
EXPORT_SYMBOL_GPL(mdev_virtio_worker_kick);
