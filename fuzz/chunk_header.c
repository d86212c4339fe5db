/* Chunk headers and the area's identity: whatever decodes encodes back to the same bytes. */
#include <string.h>

#include "storage/chunk_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Random bytes rarely have the right checksum: it is put right, so that what lies behind it is reached. */
static void with_checksum(const uint8_t *data, size_t size)
{
    uint8_t image[CHUNK_HEADER_SIZE] = {0}, again[CHUNK_HEADER_SIZE];
    struct chunk_header h;
    memcpy(image, data, size < sizeof image ? size : sizeof image);
    uint32_t crc = crc32c(image, CHUNK_HEADER_SIZE - 4);
    struct writer w = writer_of(image + CHUNK_HEADER_SIZE - 4, 4);
    write_u32(&w, crc);
    if (chunk_header_decode(span_of(image, sizeof image), &h) != ERR_OK)
        return;
    chunk_header_encode(&h, again);
    ASSERT(memcmp(image, again, sizeof image) == 0);
    if (size > CHUNK_HEADER_SIZE && chunk_data_verify(&h, span_of(data + CHUNK_HEADER_SIZE, size - CHUNK_HEADER_SIZE)) == ERR_OK)
        ASSERT(h.size == size - CHUNK_HEADER_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunk_header h;
    uint64_t area;
    if (chunk_header_decode(span_of(data, size), &h) == ERR_OK)
        ASSERT(h.size > 0 && h.size <= CHUNK_DATA_MAX);
    (void)!chunk_area_decode(span_of(data, size), &area);
    with_checksum(data, size);
    return 0;
}
