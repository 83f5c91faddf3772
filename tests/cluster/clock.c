/*
 * Bend the C library's clock for one host of the lab.
 *
 * All hosts share the machine's clock.  Preloaded by /etc/ld.so.preload, this
 * adds the seconds in /etc/lab-clock to the time of day of every program that
 * starts while that file is there.  Programs that do not use the C library
 * (Kubernetes is Go) still see the true time, and so does the monotonic clock.
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset_s;

__attribute__((constructor)) static void read_offset(void)
{
	FILE *file = fopen("/etc/lab-clock", "re");

	if (!file)
		return;
	if (fscanf(file, "%ld", &offset_s) != 1)
		offset_s = 0;
	fclose(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int failed = (int)syscall(SYS_clock_gettime, clock, now);

	if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset_s;
	return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &exact))
		return -1;
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now)
{
	struct timespec exact;

	if (clock_gettime(CLOCK_REALTIME, &exact))
		return (time_t)-1;
	if (now)
		*now = exact.tv_sec;
	return exact.tv_sec;
}
