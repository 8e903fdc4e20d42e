// SPDX-License-Identifier: GPL-2.0
/*
 * The pace of flips in modelled time: the guest's clock counts its instructions (QEMU's -icount), and the
 * host's display beats when this program tells it to, by that clock. A machine that has no time for
 * the guest has none for its clock. A thread that does nothing takes what time there is left, so that
 * the clock never runs by itself.
 *
 *   pace BUFFERS FRAMES HZ BEATS IRREGULAR WORK   flips through so many buffers at a mode of HZ, each drawn
 *                                  for WORK microseconds, on a host that beats BEATS times a second, or
 *                                  earlier or later by so much of a period in thousandths; 0: it does not
 *
 * A beat that the host is late to carry out says nothing about the driver, nor do the frames about it.
 * The last line has lost: frames that were not shown in the time of those that count, at the rate of the
 * mode or of the host, whichever is slower.
 */
#include <pthread.h>
#include <sched.h>
#include "scan.h"

/* How long a beat may take on its way, and frames that pass before any counts. */
#define LATE_US 1500
#define FIRST 10

static int64_t period_us, irregular_us;
static volatile int over;
static volatile unsigned int late_beats, beats;

static void *idle(void *unused)
{
	struct sched_param p = { 0 };

	if (sched_setscheduler(0, SCHED_IDLE, &p))
		end("idle thread");
	for (;;)
		__asm__ volatile("");
	return unused;
}

static int64_t noise(int64_t most)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return most ? (int64_t)(x % (2 * most)) - most : 0;
}

static void *beat(void *unused)
{
	struct sched_param p = { .sched_priority = 50 };
	int64_t nominal = now();
	char line[256];

	if (sched_setscheduler(0, SCHED_FIFO, &p))
		end("thread of the beats");
	while (!over) {
		int64_t at;
		struct timespec t;
		size_t have = 0;
		struct pollfd answer = { .fd = port, .events = POLLIN };

		nominal += period_us;
		at = nominal + noise(irregular_us);
		t = (struct timespec){ at / 1000000, at % 1000000 * 1000 };
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
			;
		if (write(port, "beat\n", 5) != 5)
			end("beat");
		do {
			ssize_t n;

			if (poll(&answer, 1, 60000) != 1)
				end("answer to a beat");
			n = read(port, line + have, sizeof(line) - have);
			if (n <= 0 || (have += n) == sizeof(line))
				end("answer to a beat");
		} while (line[have - 1] != '\n');
		if (strncmp(line, "ok", 2))
			end("the host's beat");
		beats++;
		late_beats += now() - at > LATE_US;
		/* Those that are over by now are left out. */
		while (nominal + period_us - irregular_us < now())
			nominal += period_us;
	}
	return unused;
}

int main(int argc, char **argv)
{
	int count = argc > 6 ? atoi(argv[1]) : 0, frames = argc > 6 ? atoi(argv[2]) : 0;
	int hz = argc > 6 ? atoi(argv[3]) : 0, work = argc > 6 ? atoi(argv[6]) : 0;
	double rate = argc > 6 ? atof(argv[4]) : 0, slower;
	unsigned int last = 0, before_last = 0;
	long long missed = 0, odd = 0, calm = 0, calm_us = 0, longest = 0, late;
	int64_t at = 0, then = 0, told = 0, start = 0;
	char before[1024], after[1024];
	pthread_t beats_thread, thread;
	uint32_t seq = 0, was;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (count < 2 || count > BUFFERS || frames <= FIRST || hz < 1)
		return 2;
	port = open("/dev/vgpu-gpuhost", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	fd = card("virtio_gpu");
	if (port < 0 || fd < 0)
		end("open");
	stats(before, sizeof(before));
	if (pthread_create(&thread, NULL, idle, NULL))
		end("thread");
	if (rate > 0) {
		period_us = 1e6 / rate;
		irregular_us = period_us * atoi(argv[5]) / 1000;
		if (pthread_create(&beats_thread, NULL, beat, NULL))
			end("thread");
	}
	setup(hz);
	for (int i = 0; i < count; i++)
		make(&buffers[i]);
	draw(&buffers[0], 0);
	show(&buffers[0]);
	late = driver("too late");
	slower = rate > 0 && rate < hz ? rate : hz;
	for (int n = 1; n <= frames; n++) {
		int64_t shown = told, begin = now();

		was = seq;
		then = at;
		draw(&buffers[n % count], n);
		while (now() - begin < work)
			;
		flip(&buffers[n % count]);
		seq = flipped(&at);
		told = now();
		before_last = last;
		last = late_beats;
		if (n == FIRST)
			start = told;
		if (n <= FIRST)
			continue;
		missed += seq - was - 1;
		/* Numbers and times grow. */
		odd += (int32_t)(seq - was) <= 0 || at <= then;
		longest = told - shown > longest ? told - shown : longest;
		if (late_beats != before_last)
			continue;
		calm++;
		calm_us += told - shown;
	}
	late = driver("too late") - late;
	show(NULL);
	over = 1;
	if (rate > 0)
		pthread_join(beats_thread, NULL);
	stats(after, sizeof(after));
	printf("scan: frames=%d rate=%.2f missed=%lld odd=%lld longestus=%lld calm=%lld lost=%.2f beats=%u late=%u toolate=%lld",
	       frames, (frames - FIRST) * 1e6 / (told - start), missed, odd, longest, calm, calm_us * slower / 1e6 - calm,
	       beats, late_beats, late);
	for (const char *const *name = (const char *const[]){ "copied", "fresh", "samples", "mixed", NULL }; *name; name++)
		printf(" %s=%lld", *name, number(after, *name) - number(before, *name));
	printf("\n");
	return 0;
}
