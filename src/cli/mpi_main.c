/*
 * cli/mpi_main.c - noct-mpi: `noct twin run` on the ranks of an MPI job, for more memory and cores than one machine has.
 *
 *   mpirun -n 2 noct-mpi run SCENARIO [OPTIONS OF noct twin run]
 *
 * A program of its own, because loading MPI costs every start more than most commands take. Operations: twin/ranks.h.
 */
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/twin_command.h"
#include "twin/ranks.h"

struct mail { /* of this process */
    int count;
    int *give_size, *give_at, *take_size, *take_at;
    uint64_t *sizes;
    uint8_t *took;
    size_t room;
};

static void least(void *context, int64_t *values, size_t count)
{
    (void)context;
    MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_INT64_T, MPI_MIN, MPI_COMM_WORLD);
}

/* Sizes become MPI's ints and displacements; more than 2 GiB at once is refused. */
static size_t lay_out(int count, const uint64_t *sizes, int *size, int *at)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        size[i] = (int)sizes[i];
        at[i] = (int)sum;
        sum += sizes[i];
        if (sum > INT_MAX) {
            fprintf(stderr, "noct-mpi: more than 2 GiB in one exchange\n");
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
    return sum;
}

static const uint8_t *exchange(void *context, const uint8_t *bytes, uint64_t *sizes)
{
    struct mail *m = context;
    MPI_Alltoall(sizes, 1, MPI_UINT64_T, m->sizes, 1, MPI_UINT64_T, MPI_COMM_WORLD);
    lay_out(m->count, sizes, m->give_size, m->give_at);
    size_t sum = lay_out(m->count, m->sizes, m->take_size, m->take_at);
    if (sum > m->room) {
        free(m->took);
        m->room = 2 * sum;
        m->took = malloc(m->room);
        ASSERT(m->took != NULL);
    }
    MPI_Alltoallv(bytes, m->give_size, m->give_at, MPI_BYTE, m->took, m->take_size, m->take_at, MPI_BYTE, MPI_COMM_WORLD);
    memcpy(sizes, m->sizes, (size_t)m->count * sizeof *sizes);
    return m->took;
}

static bool mail_open(struct mail *m, int count)
{
    size_t n = (size_t)count;
    *m = (struct mail){.count = count, .room = 4096};
    m->give_size = calloc(4 * n, sizeof *m->give_size);
    m->sizes = calloc(n, sizeof *m->sizes);
    m->took = malloc(m->room);
    if (!m->give_size || !m->sizes || !m->took)
        return false;
    m->give_at = m->give_size + n;
    m->take_size = m->give_size + 2 * n;
    m->take_at = m->give_size + 3 * n;
    return true;
}

int main(int argc, char **argv)
{
    int provided, rank, count, code = CLI_FAILED, worst;
    struct mail mail;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    if (argc < 2 || strcmp(argv[1], "run") != 0) {
        if (rank == 0)
            fprintf(stderr, "usage: mpirun -n N noct-mpi run SCENARIO [OPTIONS OF noct twin run]\n");
        MPI_Finalize();
        return CLI_USAGE;
    }
    if (mail_open(&mail, count)) {
        struct ranks ranks = {.rank = (unsigned)rank, .count = (unsigned)count, .context = &mail, .least = least, .exchange = exchange};
        code = twin_command_run_on(&ranks, argc - 1, argv + 1);
    }
    MPI_Allreduce(&code, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    free(mail.give_size);
    free(mail.sizes);
    free(mail.took);
    MPI_Finalize();
    return worst;
}
