/* Inflates messages with context takeover, round after round, and prints the least
 * nanoseconds that a message took. Standard input: the number of streams and of
 * messages, then of each message the length packed and plain and what is packed.
 * Message i is of stream i % streams. Numbers are 32 bits in the machine's order. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifndef ZLIBNG_VERSION
#include <zlib.h>
#endif

static uint32_t number(void) {
	uint32_t n;
	if (fread(&n, sizeof n, 1, stdin) != 1)
		exit(2);
	return n;
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
	int rounds = argc > 1 ? atoi(argv[1]) : 1;
	uint32_t streams = number(), messages = number();
	z_stream *s = calloc(streams, sizeof *s);
	struct { uint32_t len, plain; unsigned char *data; } *m = calloc(messages, sizeof *m);
	unsigned char *out = malloc(1 << 24);
	for (uint32_t i = 0; i < streams; i++)
		if (inflateInit2(&s[i], -15) != Z_OK)
			exit(2);
	for (uint32_t i = 0; i < messages; i++) {
		m[i].len = number();
		m[i].plain = number();
		m[i].data = malloc(m[i].len + 4);
		if (fread(m[i].data, 1, m[i].len, stdin) != m[i].len)
			exit(2);
		memcpy(m[i].data + m[i].len, "\0\0\377\377", 4); /* RFC 7692, section 7.2.2 */
	}
	double least = 1e300;
	for (int r = 0; r < rounds; r++) {
		for (uint32_t i = 0; i < streams; i++)
			inflateReset(&s[i]);
		double start = now();
		for (uint32_t i = 0; i < messages; i++) {
			z_stream *z = &s[i % streams];
			z->next_in = m[i].data;
			z->avail_in = m[i].len + 4;
			z->next_out = out;
			z->avail_out = 1 << 24;
			if (inflate(z, Z_SYNC_FLUSH) != Z_OK || (1u << 24) - z->avail_out != m[i].plain)
				exit(3);
		}
		double took = (now() - start) / messages;
		if (took < least)
			least = took;
	}
	printf("%.1f\n", least);
	return 0;
}
