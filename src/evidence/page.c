#include "evidence/page.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { PATH_SIZE = 1024 };

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#17202a;background:#fff}"
    "h1{font-size:1.7em;margin-bottom:.1em}h2{font-size:1.25em;margin-top:2.2em;border-bottom:1px solid #d5dbe1;padding-bottom:.2em}"
    "table{border-collapse:collapse;width:100%;margin:1em 0;font-size:14px}th,td{text-align:left;vertical-align:top;padding:.35em .6em;border-bottom:1px solid #e4e8ec}"
    "th{background:#f3f5f7;font-weight:600}code{font:13px ui-monospace,monospace;background:#f3f5f7;padding:0 .25em}"
    ".state{display:inline-block;min-width:4.5em;text-align:center;border-radius:3px;padding:0 .4em;font-weight:600;color:#fff}"
    ".shown{background:#1d7a46}.failed{background:#b3261e}.partly{background:#8a6100}.open{background:#66707a}"
    "figure{margin:1.2em 0}figcaption{font-size:13px;color:#4a5560}.small{font-size:13px;color:#4a5560}svg{max-width:100%;height:auto}";

void page_text(FILE *page, const char *text)
{
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '<': fputs("&lt;", page); break;
        case '>': fputs("&gt;", page); break;
        case '&': fputs("&amp;", page); break;
        case '"': fputs("&quot;", page); break;
        default: fputc(*c, page);
        }
    }
}

void page_begin(FILE *page, const struct evidence *e)
{
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    fprintf(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
                  "<title>Noctilucent: evidence</title><style>%s</style></head><body>\n<h1>Evidence</h1>\n<p class=\"small\">Commit <code>",
            style);
    page_text(page, e->options->commit);
    fprintf(page, "</code>, made %s%s. A row per claim: what is claimed, what was run, what came out, and its state. Everything below "
                  "comes from the mesh twin running the node's own code, or from the models of <code>docs/model</code>; "
                  "<code>noct evidence</code> makes it again.</p>\n",
            when, e->options->quick ? " (quick: shorter runs, fewer seeds)" : "");
}

void page_claims(FILE *page, const struct evidence *e)
{
    fputs("<table id=\"claims\"><tr><th>mission</th><th>claim</th><th>state</th><th>figure</th><th>scenario</th><th>seeds</th></tr>\n", page);
    for (size_t i = 0; i < CLAIM_COUNT; i++) {
        const struct evidence_result *r = &e->results[i];
        fputs("<tr><td>", page);
        page_text(page, claims[i].rows);
        fputs("</td><td>", page);
        page_text(page, claims[i].text);
        fprintf(page, "</td><td><span class=\"state %s\">%s</span></td><td>", evidence_state_name(r->state), evidence_state_name(r->state));
        page_text(page, r->figure);
        if (r->command[0]) {
            fputs("<br><code>", page);
            page_text(page, r->command);
            fputs("</code>", page);
        }
        fprintf(page, "<br><a href=\"#%s\">details</a></td><td>", claims[i].by);
        page_text(page, r->scenario);
        fputs("</td><td>", page);
        page_text(page, r->seeds);
        fputs("</td></tr>\n", page);
    }
    fputs("</table>\n", page);
}

void page_end(FILE *page)
{
    fputs("</body></html>\n", page);
}

void page_section(FILE *page, const char *id, const char *title)
{
    fprintf(page, "<h2 id=\"%s\">", id);
    page_text(page, title);
    fputs("</h2>\n", page);
}

void page_paragraph(FILE *page, const char *format, ...)
{
    char text[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fputs("<p>", page);
    page_text(page, text);
    fputs("</p>\n", page);
}

static void cells(FILE *page, const char *tag, const char *first, va_list list)
{
    fputs("<tr>", page);
    for (const char *text = first; text; text = va_arg(list, const char *)) {
        fprintf(page, "<%s>", tag);
        page_text(page, text);
        fprintf(page, "</%s>", tag);
    }
    fputs("</tr>\n", page);
}

void page_table(FILE *page, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    fputs("<table>", page);
    cells(page, "th", first, list);
    va_end(list);
}

void page_row(FILE *page, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    cells(page, "td", first, list);
    va_end(list);
}

void page_table_end(FILE *page)
{
    fputs("</table>\n", page);
}

const char *cell(const char *format, ...)
{
    static char ring[16][160];
    static size_t next;
    char *out = ring[next++ % 16];
    va_list list;
    va_start(list, format);
    vsnprintf(out, sizeof ring[0], format, list);
    va_end(list);
    return out;
}

FILE *page_data(struct evidence *e, const char *name)
{
    char path[PATH_SIZE];
    evidence_path(e, path, sizeof path, "runs/%s", name);
    return fopen(path, "w");
}

static bool gnuplot(const char *folder, char *script)
{
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char[]){"gnuplot"}, script, NULL};
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    bool good = posix_spawnp(&pid, "gnuplot", &actions, NULL, arguments, environ) == 0 && waitpid(pid, &status, 0) == pid && status == 0;
    posix_spawn_file_actions_destroy(&actions);
    return good;
}

/* The picture without its XML prologue, so that it can stand in HTML. */
static bool svg_copy(FILE *page, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[8192];
    bool inside = false;
    while (f && fgets(line, sizeof line, f)) {
        inside = inside || strstr(line, "<svg") != NULL;
        if (inside)
            fputs(line, page);
    }
    if (f)
        fclose(f);
    return inside;
}

void page_plot(struct evidence *e, const char *name, const char *caption, const char *format, ...)
{
    char folder[PATH_SIZE], path[2 * PATH_SIZE], script[256];
    evidence_path(e, folder, sizeof folder, "runs");
    snprintf(script, sizeof script, "%s.gnuplot", name);
    snprintf(path, sizeof path, "%s/%s", folder, script);
    FILE *f = fopen(path, "w");
    if (!f)
        return;
    fprintf(f, "set terminal svg size 900,340 font 'sans,12' background '#ffffff' name '%s'\nset output '%s.svg'\nset datafile separator ','\n"
               "set grid lc rgb '#d5dbe1'\nset border lc rgb '#66707a'\n",
            name, name);
    va_list list;
    va_start(list, format);
    vfprintf(f, format, list);
    va_end(list);
    fputc('\n', f);
    fclose(f);
    snprintf(path, sizeof path, "%s/%s.svg", folder, name);
    fputs("<figure>", e->page);
    if (!gnuplot(folder, script) || !svg_copy(e->page, path))
        fprintf(e->page, "<p class=\"small\">The plot %s could not be drawn; gnuplot draws it from runs/%s.</p>", name, script);
    fputs("<figcaption>", e->page);
    page_text(e->page, caption);
    fputs("</figcaption></figure>\n", e->page);
}
