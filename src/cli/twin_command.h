/*
 * cli/twin_command.h - the subcommands of noct twin, a file each: twin_NAME.c; twin.c holds their table.
 */
#ifndef NOCT_CLI_TWIN_COMMAND_H
#define NOCT_CLI_TWIN_COMMAND_H

struct ranks;
int twin_command_run_on(const struct ranks *ranks, int argc, char **argv); /* on several processes: cli/mpi_main.c */
int twin_command_run(int argc, char **argv); /* argv[0] is the subcommand's name */
int twin_command_campaign(int argc, char **argv);
int twin_command_shrink(int argc, char **argv);
int twin_command_incident(int argc, char **argv);
int twin_command_export(int argc, char **argv);
int twin_command_watch(int argc, char **argv);
int twin_command_replay(int argc, char **argv);

#endif
