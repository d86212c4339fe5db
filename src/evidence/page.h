/*
 * evidence/page.h - the HTML of the report: sections, tables, plots drawn by gnuplot and kept inside the page.
 */
#ifndef NOCT_EVIDENCE_PAGE_H
#define NOCT_EVIDENCE_PAGE_H

#include "evidence/experiment.h"

void page_begin(FILE *page, const struct evidence *e);
void page_claims(FILE *page, const struct evidence *e); /* the table of claims */
void page_end(FILE *page);

void page_text(FILE *page, const char *text); /* escaped */
void page_section(FILE *page, const char *id, const char *title);
void page_paragraph(FILE *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A table: begin with column titles, rows of cells (NULL-terminated lists), end. */
void page_table(FILE *page, const char *first, ...) __attribute__((sentinel));
void page_row(FILE *page, const char *first, ...) __attribute__((sentinel));
void page_table_end(FILE *page);

/*
 * A plot: `script` is gnuplot's (without terminal and output); it may read files in FOLDER/runs, which is its directory. The SVG
 * goes into the page; without gnuplot a sentence says so.
 */
void page_plot(struct evidence *e, const char *name, const char *caption, const char *format, ...) __attribute__((format(printf, 4, 5)));
FILE *page_data(struct evidence *e, const char *name); /* FOLDER/runs/NAME for the plot's data */

const char *cell(const char *format, ...) __attribute__((format(printf, 1, 2))); /* of a small ring: valid for the next 15 calls */

#endif
