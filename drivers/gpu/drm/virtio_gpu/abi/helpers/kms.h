/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ABI_HELPERS_KMS_H
#define ABI_HELPERS_KMS_H

#include <drm/drm_atomic.h>
#include <drm/drm_connector.h>
#include <drm/drm_modeset_helper_vtables.h>

/**
 * struct abi_connector_helper_funcs - connector helpers with a hook in Rust
 * @base: what the DRM helpers see
 * @mode_valid: whether @mode can be shown, 0 if not
 *
 * A callback that returns a C enum has a type of its own where indirect calls
 * are checked, which no Rust function has.
 */
struct abi_connector_helper_funcs {
	struct drm_connector_helper_funcs base;
	int (*mode_valid)(struct drm_connector *connector,
			  const struct drm_display_mode *mode);
};

enum drm_mode_status
abi_helper_connector_mode_valid(struct drm_connector *connector,
				const struct drm_display_mode *mode);

struct drm_plane_state *
abi_helper_atomic_old_plane_state(const struct drm_atomic_commit *commit,
				  struct drm_plane *plane);
struct drm_plane_state *
abi_helper_atomic_new_plane_state(const struct drm_atomic_commit *commit,
				  struct drm_plane *plane);
struct drm_crtc_state *
abi_helper_atomic_old_crtc_state(const struct drm_atomic_commit *commit,
				 struct drm_crtc *crtc);
struct drm_crtc_state *
abi_helper_atomic_new_crtc_state(const struct drm_atomic_commit *commit,
				 struct drm_crtc *crtc);
bool abi_helper_atomic_crtc_needs_modeset(const struct drm_crtc_state *state);

/*
 * The last beat until @now of a timer that beats every @period, also at @at. All in
 * nanoseconds, and @period is not 0.
 */
s64 abi_helper_last_beat(s64 at, s64 period, s64 now);

/*
 * Starts the timer of a CRTC's vertical blanks as the core does, but in the beat
 * that it had when it ran last with the same period. @at is one of its beats, @period
 * the period in nanoseconds, 0 at first. The core's lock for vertical blanks is held.
 * -EBUSY if the timer's function runs for so long that it may be waiting for that lock.
 */
int abi_helper_crtc_start_vblank_timer(struct drm_crtc *crtc, s64 *at,
				       s64 *period);

/* Waits until the timer's function does not run. Its interval must be 0. May be called without locks only. */
void abi_helper_crtc_wait_vblank_timer(struct drm_crtc *crtc);

/* The lock of a device for events, from wherever. */
unsigned long abi_helper_event_lock(struct drm_device *dev);
bool abi_helper_event_trylock(struct drm_device *dev, unsigned long *flags);
void abi_helper_event_unlock(struct drm_device *dev, unsigned long flags);

void abi_helper_atomic_commit_put(struct drm_atomic_commit *commit);
void abi_helper_mode_config_lock(struct drm_device *dev);
void abi_helper_mode_config_unlock(struct drm_device *dev);
void abi_helper_client_setup(struct drm_device *dev);

#endif
