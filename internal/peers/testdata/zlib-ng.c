/* zlib.c with the names of zlib-ng. */
#include <zlib-ng.h>
#define z_stream zng_stream
#define inflateInit2 zng_inflateInit2
#define inflateReset zng_inflateReset
#define inflate zng_inflate
#include "zlib.c"
