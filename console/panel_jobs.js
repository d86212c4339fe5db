// panel_jobs.js - tasks (GA4GH TES): what runs where, and how often it was tried.
import { $, element, set_class, set_text, time_text } from './dom.js';
import { get, Poll } from './api.js';
import { Table } from './table.js';

const KINDS = {
    QUEUED: 'wait', INITIALIZING: 'wait', RUNNING: 'run', PAUSED: 'wait', COMPLETE: 'good', CANCELED: 'off', CANCELING: 'off',
    PREEMPTED: 'warn', EXECUTOR_ERROR: 'bad', SYSTEM_ERROR: 'bad',
};

const attempts = (task) => (Array.isArray(task.logs) ? task.logs : []);

function node_of(task) {
    const last = attempts(task).at(-1);
    return last?.metadata?.node || task.tags?.['noct.owner'] || '';
}

function duration_text(start, end) {
    const s = (Date.parse(end) - Date.parse(start)) / 1000;
    if (!(s >= 0))
        return '';
    return s < 90 ? `${s.toFixed(s < 10 ? 1 : 0)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

export class JobsPanel {
    constructor(clock_text) {
        this.clock_text = clock_text;
        this.open_id = null;
        this.tasks = [];
        this.table = new Table($('jobs'), {
            label: 'Jobs',
            columns: [
                { title: 'Job', class: 'name', fill: (c, t) => {
                    set_text(c, t.name || t.executors?.[0]?.image || t.id);
                    c.title = t.id;
                } },
                { title: 'State', class: 'jobstate', make: () => element('span'), fill: (c, t) => {
                    set_text(c.inner, String(t.state || '').toLowerCase().replace('_', ' '));
                    set_class(c.inner, `tag job-${KINDS[t.state] || 'off'}`);
                } },
                { title: 'Node', class: 'node', fill: (c, t) => set_text(c, node_of(t)) },
                { title: 'Tries', class: 'number', fill: (c, t) => set_text(c, attempts(t).length) },
                { title: 'Took', class: 'number', fill: (c, t) => this.fill_time(c, t) },
                { title: 'Created', class: 'when', fill: (c, t) => set_text(c, time_text(t.creation_time, clock_text())) },
            ],
            key: (t) => t.id,
            on_open: (t) => this.show(t.id),
        });
        this.table.set_empty('Asking the gateway…');
        this.poll = new Poll(() => this.load(), () => 2000);
    }

    fill_time(cell, task) {
        const last = attempts(task).at(-1);
        set_text(cell, last?.start_time ? duration_text(last.start_time, last.end_time || this.clock_text()) : '');
    }

    async load() {
        try {
            const { value } = await get('tasks');
            this.tasks = (value.tasks || []).sort((a, b) => String(b.creation_time).localeCompare(String(a.creation_time)));
            this.table.set_empty('No jobs yet.');
            this.table.set(this.tasks);
            set_text($('jobs-count'), this.tasks.length ? `${this.tasks.length}${value.next_page_token ? '+' : ''}` : '');
            if (this.open_id)
                this.show(this.open_id);
        } catch (error) {
            if (!this.tasks.length)
                this.table.set_empty(`Jobs cannot be listed now: ${error.message}.`);
        }
    }

    show(id) {
        const task = this.tasks.find((t) => t.id === id);
        const place = $('job-detail');
        this.open_id = task ? id : null;
        place.hidden = !task;
        if (!task)
            return;
        const executor = task.executors?.[0];
        const tries = attempts(task).map((a, i) => {
            const code = a.logs?.[0]?.exit_code;
            const state = String(a.metadata?.state || '').toLowerCase().replace('_', ' ');
            const time = a.start_time ? `, ${time_text(a.start_time, this.clock_text())}` : '';
            return `try ${i + 1}: ${a.metadata?.node || '?'}, ${state}${a.end_time && code !== undefined ? `, exit code ${code}` : ''}${time}`;
        });
        const successors = ['noct.successor1', 'noct.successor2'].map((k) => task.tags?.[k]).filter(Boolean);
        const lines = [
            task.id,
            executor ? `${executor.image}: ${(executor.command || []).join(' ')}` : '',
            ...tries,
            successors.length ? `named successors: ${successors.join(', ')}` : '',
        ];
        const close = element('button', { class: 'close', type: 'button', 'aria-label': 'Close', text: '×', onclick: () => this.show(null) });
        place.replaceChildren(close, ...lines.filter(Boolean).map((text, i) => element('p', { class: i ? '' : 'strong', text })));
    }
}
