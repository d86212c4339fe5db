/* sgp4_batch_base.c - the batch kernel, 2 satellites at once, for the baseline instructions of the
 * machine. */
#define LANES 2
#define KERNEL sgp4_block_2
#include "orbit/sgp4_lanes.h"
