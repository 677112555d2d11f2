/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A device that asks for a reset (VIRTIO 1.2 s. 2.1.2, DEVICE_NEEDS_RESET) gets it, and
 * the port goes on as it was configured: ethdev's proactive error handling.
 *
 * All is done in EAL's interrupt thread, by an alarm, whoever noticed it: no application
 * waits for it, and it is one at a time.
 */

#include <errno.h>
#include <time.h>

#include <rte_alarm.h>
#include <rte_atomic.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

/* Without a configuration interrupt the device is asked. */
#define WATCH_US 1000000

/* ethdev publishes a port's bursts only some time after the driver has started it. */
#define START_US 10000

#define LOCK_POLL_US 100

/* A thread that polls is heard of within microseconds, or when it runs again: 20 ms. */
#define PAUSE_POLLS 200

/* What a device has is sent within microseconds, or not at all: 100 ms. */
#define SEND_POLLS 1000

void
mdev_virtio_recover_init(struct rte_eth_dev *dev)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;

	pthread_mutex_init(&recovery->lock, NULL);
	recovery->max = MDEV_VIRTIO_RECOVERIES;
	recovery->window_s = MDEV_VIRTIO_RECOVERIES_S;
	recovery->pause_polls = PAUSE_POLLS;
	recovery->send_polls = SEND_POLLS;
}

static bool
flag(const bool *value)
{
	return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static void
set_flag(bool *value, bool to)
{
	__atomic_store_n(value, to, __ATOMIC_SEQ_CST);
}

/* Never waits for a recovery or a stop: what it holds up must not hold up these. */
int
mdev_virtio_control_begin(struct rte_eth_dev *dev)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;

	while (pthread_mutex_trylock(&recovery->lock) != 0) {
		if (flag(&recovery->running) || flag(&recovery->stopping))
			return -EBUSY;
		/* the holder may wait for an answer that this thread is to take */
		if (mdev_virtio_serving() && __atomic_load_n(&recovery->telling,
				__ATOMIC_SEQ_CST) != 0)
			return -EBUSY;
		rte_delay_us_sleep(LOCK_POLL_US);
	}
	if (!flag(&recovery->running))
		return 0;
	/* it has failed */
	pthread_mutex_unlock(&recovery->lock);
	return -EIO;
}

bool
mdev_virtio_restarting(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;

	return flag(&recovery->running) && !flag(&recovery->stopping);
}

int
mdev_virtio_control_end(struct rte_eth_dev *dev, int ret)
{
	pthread_mutex_unlock(&mdev_virtio_hw(dev)->recovery.lock);
	/* a command that failed may have done so because the device asks for a reset */
	if (ret == -EIO)
		mdev_virtio_needs_reset(dev);
	return ret;
}

/* Is it still the port that it was, and running? */
static bool
is_running(const struct rte_eth_dev *dev, const struct mdev_virtio_hw *hw)
{
	return dev->state != RTE_ETH_DEV_UNUSED && dev->data != NULL &&
		dev->data->dev_private == hw && hw != NULL &&
		dev->data->dev_started != 0 && !flag(&hw->recovery.stopping);
}

/* Of an alarm, which may come too late: NULL without a running port. */
static struct mdev_virtio_hw *
running_hw(const struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw;

	if (dev->state == RTE_ETH_DEV_UNUSED || dev->data == NULL)
		return NULL;
	hw = mdev_virtio_hw(dev);
	return is_running(dev, hw) ? hw : NULL;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
}

/* May there be one more? If so, it has begun. */
static bool
attempt(struct mdev_virtio_recovery *recovery)
{
	uint32_t max = RTE_MIN(recovery->max, (uint32_t)MDEV_VIRTIO_RECOVERIES);
	uint64_t now = now_ms(), *oldest;

	if (max == 0)
		return false;
	oldest = &recovery->begun[recovery->nr_begun % max];
	if (recovery->nr_begun >= max &&
			now - *oldest < recovery->window_s * UINT64_C(1000))
		return false;
	*oldest = now;
	recovery->nr_begun++;
	return true;
}

bool
mdev_virtio_recover_again(struct rte_eth_dev *dev)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;

	return !flag(&recovery->stopping) && attempt(recovery);
}

static void
say_pools(const struct rte_eth_dev *dev)
{
	DRV_LOG(ERR, "%s: the device asks for a reset (DEVICE_NEEDS_RESET), which needs pools that several threads may use: stop and start the port",
		dev->data->name);
}

/* The lock is held. Whoever had it before may have restarted the device for a queue. */
static int
perform(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct mdev_virtio_recovery *recovery = &hw->recovery;
	int ret;

	if (recovery->failed) {
		recovery->gave_up++;
		return -EIO;
	}
	if (!hw->needs_reset)
		return 0;
	ret = mdev_virtio_restart(dev, NULL,
			"the device asks for a reset (DEVICE_NEEDS_RESET) and gets it");
	if (ret == 0)
		recovery->succeeded++;
	else
		recovery->gave_up++;
	if (ret == -ENOTSUP)
		say_pools(dev);
	return ret;
}

static int
lock_and_perform(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct mdev_virtio_recovery *recovery = &hw->recovery;
	int ret = -ECANCELED;

	while (pthread_mutex_trylock(&recovery->lock) != 0) {
		if (flag(&recovery->stopping))
			return -ECANCELED;
		rte_delay_us_sleep(LOCK_POLL_US);
	}
	if (is_running(dev, hw))
		ret = perform(dev);
	if (flag(&recovery->stopping))
		ret = -ECANCELED; /* whoever stops the port knows */
	pthread_mutex_unlock(&recovery->lock);
	return ret;
}

/* The application's turn, once; what it does there is its business. */
static void
tell_failed(struct rte_eth_dev *dev, struct mdev_virtio_hw *hw)
{
	if (hw->reset_raised)
		return;
	hw->reset_raised = true;
	rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_RECOVERY_FAILED, NULL);
	if (is_running(dev, hw))
		rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RESET, NULL);
}

static void
tell_recovered(struct rte_eth_dev *dev, struct mdev_virtio_hw *hw)
{
	rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_RECOVERY_SUCCESS, NULL);
	if (!is_running(dev, hw))
		return;
	/* its interrupts were not followed meanwhile */
	mdev_virtio_announce(dev);
	mdev_virtio_link_check(dev);
}

/* One that is not tried: the port is left as it is. */
static bool
refused(struct rte_eth_dev *dev)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;

	if (!mdev_virtio_restart_possible(dev, NULL)) {
		say_pools(dev);
	} else if (!attempt(recovery)) {
		DRV_LOG(ERR, "%s: the device asks for a reset (DEVICE_NEEDS_RESET) more than %u times in %u s: the port is left as it is; stop and start the port when the device is well",
			dev->data->name, recovery->max, recovery->window_s);
	} else {
		return false;
	}
	recovery->failed = true;
	recovery->gave_up++;
	return true;
}

static void recover(void *arg);

static void
look_in(struct rte_eth_dev *dev, uint64_t us)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;

	if (__atomic_exchange_n(&recovery->scheduled, true, __ATOMIC_SEQ_CST))
		return;
	if (rte_eal_alarm_set(us, recover, dev) == 0)
		return;
	set_flag(&recovery->scheduled, false);
	DRV_LOG(ERR, "%s: the device asks for a reset (DEVICE_NEEDS_RESET), and there is no memory for it: stop and start the port",
		dev->data->name);
}

/*
 * In EAL's interrupt thread. The application's callbacks may stop, start or close the
 * port, so after each one nothing is what it was.
 */
static void
recover(void *arg)
{
	struct rte_eth_dev *dev = arg;
	struct mdev_virtio_hw *hw = running_hw(dev);
	int ret;

	if (hw == NULL)
		return;
	set_flag(&hw->recovery.scheduled, false);
	if (!hw->needs_reset || hw->recovery.failed)
		return;
	if (rte_eth_fp_ops[dev->data->port_id].rx_pkt_burst != dev->rx_pkt_burst) {
		look_in(dev, START_US);
		return;
	}
	if (refused(dev)) {
		tell_failed(dev, hw);
		return;
	}
	rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_ERR_RECOVERING, NULL);
	if (!is_running(dev, hw))
		return;
	if (!hw->needs_reset && hw->recovery.nr_begun == 0)
		return; /* the callback started the port anew */
	ret = lock_and_perform(dev);
	if (ret == -ECANCELED)
		return;
	if (ret == 0) {
		tell_recovered(dev, hw);
		return;
	}
	DRV_LOG(ERR, "%s: the port did not recover from a reset that the device asked for: stop and start the port",
		dev->data->name);
	tell_failed(dev, hw);
}

void
mdev_virtio_recover_schedule(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	/* needs_reset was set: a start that goes on sees it, or is seen here */
	rte_mb();
	if (rte_eal_process_type() == RTE_PROC_PRIMARY && is_running(dev, hw) &&
			!hw->recovery.failed && !flag(&hw->recovery.running))
		look_in(dev, 1);
}

/* In EAL's interrupt thread. */
static void
watch(void *arg)
{
	struct rte_eth_dev *dev = arg;

	if (running_hw(dev) == NULL)
		return;
	if (!mdev_virtio_recovering(dev))
		mdev_virtio_needs_reset(dev);
	rte_eal_alarm_set(WATCH_US, watch, dev);
}

/*
 * Another thread may have seen the port run, and set its alarm when the stop had removed
 * those: that one finds no running port, and cannot say that it is over.
 */
void
mdev_virtio_recover_starting(struct rte_eth_dev *dev)
{
	set_flag(&mdev_virtio_hw(dev)->recovery.scheduled, false);
}

void
mdev_virtio_recover_start(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	hw->recovery.failed = false;
	hw->recovery.nr_begun = 0;
	set_flag(&hw->recovery.stopping, false);
	if (hw->config_efd < 0 && rte_eal_alarm_set(WATCH_US, watch, dev) < 0)
		INIT_LOG(WARNING, "%s: no memory for an alarm: that the device asks for a reset is only noticed when the link status is asked for",
			dev->data->name);
	/* noticed since DRIVER_OK, when none could be scheduled; nobody looks for it again */
	if (hw->needs_reset)
		mdev_virtio_recover_schedule(dev);
}

/*
 * Whoever is at a command to the device, a recovery or another thread, is not waited for
 * longer than it takes to see this. Not even that in a callback of the recovery: there the
 * lock is free, and EAL knows that it is the same thread.
 */
void
mdev_virtio_recover_stop(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	set_flag(&hw->recovery.stopping, true);
	while (pthread_mutex_trylock(&hw->recovery.lock) != 0) {
		virtio_cvq_stop(&hw->cvq);
		rte_delay_us_sleep(LOCK_POLL_US);
	}
	rte_eal_alarm_cancel(recover, dev);
	rte_eal_alarm_cancel(watch, dev);
	set_flag(&hw->recovery.scheduled, false);
}

void
mdev_virtio_recover_stopped(struct rte_eth_dev *dev)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;

	mdev_virtio_replaced_free(dev);
	set_flag(&recovery->running, false);
	pthread_mutex_unlock(&recovery->lock);
}

void
mdev_virtio_recover_free(struct rte_eth_dev *dev)
{
	pthread_mutex_destroy(&mdev_virtio_hw(dev)->recovery.lock);
}
