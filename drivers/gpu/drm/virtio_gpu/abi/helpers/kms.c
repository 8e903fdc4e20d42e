// SPDX-License-Identifier: GPL-2.0
/*
 * KMS inlines as functions, for abi/drm/kms.
 */

#include <linux/container_of.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include <drm/clients/drm_client_setup.h>
#include <drm/drm_device.h>
#include <drm/drm_vblank.h>

#include "kms.h"

enum drm_mode_status
abi_helper_connector_mode_valid(struct drm_connector *connector,
				const struct drm_display_mode *mode)
{
	const struct abi_connector_helper_funcs *funcs =
		container_of_const(connector->helper_private,
				   struct abi_connector_helper_funcs, base);

	return funcs->mode_valid(connector, mode) ? MODE_OK : MODE_BAD;
}

struct drm_plane_state *
abi_helper_atomic_old_plane_state(const struct drm_atomic_commit *commit,
				  struct drm_plane *plane)
{
	return drm_atomic_get_old_plane_state(commit, plane);
}

struct drm_plane_state *
abi_helper_atomic_new_plane_state(const struct drm_atomic_commit *commit,
				  struct drm_plane *plane)
{
	return drm_atomic_get_new_plane_state(commit, plane);
}

struct drm_crtc_state *
abi_helper_atomic_old_crtc_state(const struct drm_atomic_commit *commit,
				 struct drm_crtc *crtc)
{
	return drm_atomic_get_old_crtc_state(commit, crtc);
}

struct drm_crtc_state *
abi_helper_atomic_new_crtc_state(const struct drm_atomic_commit *commit,
				 struct drm_crtc *crtc)
{
	return drm_atomic_get_new_crtc_state(commit, crtc);
}

bool abi_helper_atomic_crtc_needs_modeset(const struct drm_crtc_state *state)
{
	return drm_atomic_crtc_needs_modeset(state);
}

s64 abi_helper_last_beat(s64 at, s64 period, s64 now)
{
	s64 beats = div64_s64(now - at, period);

	/* Divisions go towards zero. */
	if (now < at + beats * period)
		beats--;
	return at + beats * period;
}

int abi_helper_crtc_start_vblank_timer(struct drm_crtc *crtc, s64 *at,
				       s64 *period)
{
	struct drm_vblank_crtc_timer *timer =
		&drm_crtc_vblank_crtc(crtc)->vblank_timer;
	int ret, tries = 100;
	s64 interval, now;

	/* Its function may be running. The core would wait without a bound. */
	while (timer->crtc && !hrtimer_is_queued(&timer->timer) &&
	       hrtimer_active(&timer->timer)) {
		if (!tries--)
			return -EBUSY;
		udelay(10);
	}

	ret = drm_crtc_vblank_start_timer(crtc);
	if (ret)
		return ret;

	interval = ktime_to_ns(READ_ONCE(timer->interval));
	if (interval) {
		now = ktime_get();
		if (interval != *period)
			*at = now;
		*at = abi_helper_last_beat(*at, interval, now) + interval;
		hrtimer_start(&timer->timer, *at, HRTIMER_MODE_ABS);
	}
	*period = interval;
	return 0;
}

void abi_helper_crtc_wait_vblank_timer(struct drm_crtc *crtc)
{
	struct drm_vblank_crtc_timer *timer =
		&drm_crtc_vblank_crtc(crtc)->vblank_timer;

	if (timer->crtc)
		hrtimer_cancel(&timer->timer);
}

unsigned long abi_helper_event_lock(struct drm_device *dev)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->event_lock, flags);
	return flags;
}

bool abi_helper_event_trylock(struct drm_device *dev, unsigned long *flags)
{
	return spin_trylock_irqsave(&dev->event_lock, *flags);
}

void abi_helper_event_unlock(struct drm_device *dev, unsigned long flags)
{
	spin_unlock_irqrestore(&dev->event_lock, flags);
}

void abi_helper_atomic_commit_put(struct drm_atomic_commit *commit)
{
	drm_atomic_commit_put(commit);
}

void abi_helper_mode_config_lock(struct drm_device *dev)
{
	mutex_lock(&dev->mode_config.mutex);
}

void abi_helper_mode_config_unlock(struct drm_device *dev)
{
	mutex_unlock(&dev->mode_config.mutex);
}

void abi_helper_client_setup(struct drm_device *dev)
{
	drm_client_setup(dev, NULL);
}
